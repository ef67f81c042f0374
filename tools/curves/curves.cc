#include "tools/curves/curves.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "graph/base/status.h"
#include "models/zoo/edit_distance.h"

namespace tools {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Runs that are drawn as one curve.
struct Group {
  std::string name;
  std::vector<const RunMetrics*> runs;
};

// One number of one run, as it is drawn.
struct Series {
  std::vector<int64_t> steps;
  std::vector<double> xs, raw, line;
};

std::vector<Group> GroupsOf(const std::vector<RunMetrics>& runs, bool seeds) {
  std::vector<Group> groups;
  for (const RunMetrics& run : runs) {
    const std::string name = seeds ? NameWithoutSeed(run.name) : run.name;
    auto group = std::find_if(groups.begin(), groups.end(),
                              [&](const Group& g) { return seeds && g.name == name; });
    if (group == groups.end()) group = groups.insert(group, {name, {}});
    group->runs.push_back(&run);
  }
  return groups;
}

std::string TitleOf(const std::string& metric) {
  static const std::map<std::string, std::string> titles = {
      {"loss", "Loss"},
      {"pos_acc1", "Position accuracy, training"},
      {"pos_acc1_weighted", "Position accuracy, weighted"},
      {"heldout_pos_acc1", "Position accuracy, held out"},
      {"heldout_loss_pixels", "Loss, held out"},
      {"knn_acc1", "Nearest neighbours, held out"},
      {"lr", "Learning rate"},
      {"images_per_s", "Images a second"},
      {"grad_norm", "Norm of the gradient"}};
  const auto title = titles.find(metric);
  return title == titles.end() ? metric : title->second;
}

// Whether a run's `chance` belongs to this number.
bool HasChance(const std::string& metric) {
  const absl::string_view name = absl::StripPrefix(metric, "heldout_");
  return name == "acc1" || name == "pos_acc1" || name == "pos_acc1_weighted" ||
         name == "pos_acc1_all_dropped";
}

std::set<std::string> AllMetrics(const std::vector<RunMetrics>& runs) {
  std::set<std::string> names;
  for (const RunMetrics& run : runs) {
    for (const auto& [name, values] : run.metrics) names.insert(name);
  }
  return names;
}

absl::Status CheckKnown(const std::string& flag, const std::string& metric,
                        const std::set<std::string>& known) {
  if (known.count(metric) > 0) return absl::OkStatus();
  return graph::InvalidArgument(
      flag, ": no run has '", metric, "'; ",
      models::DidYouMean(models::Nearest(metric, {known.begin(), known.end()})), flag, " takes ",
      absl::StrJoin(known, ", "));
}

absl::StatusOr<std::vector<std::string>> ChooseMetrics(const std::vector<RunMetrics>& runs,
                                                       const CurveOptions& options) {
  const std::set<std::string> known = AllMetrics(runs);
  if (known.empty()) {
    return graph::InvalidArgument(runs[0].path, " has steps, but no numbers to draw");
  }
  std::vector<std::string> metrics = options.metrics;
  for (const std::string& metric : metrics) {
    RETURN_IF_ERROR(CheckKnown("--metrics", metric, known));
  }
  if (metrics.empty()) {
    std::copy_if(std::begin(kUsualMetrics), std::end(kUsualMetrics), std::back_inserter(metrics),
                 [&](const char* metric) { return known.count(metric) > 0; });
  }
  if (metrics.empty()) metrics.assign(known.begin(), known.end());
  for (const std::string& metric : options.log_y) {
    RETURN_IF_ERROR(CheckKnown("--log_y", metric, known));
    if (std::find(metrics.begin(), metrics.end(), metric) == metrics.end()) {
      return graph::InvalidArgument("--log_y: '", metric, "' is not drawn; name it in --metrics");
    }
  }
  for (const RunMetrics& run : runs) {
    const bool any = std::any_of(metrics.begin(), metrics.end(), [&](const std::string& metric) {
      return run.metrics.count(metric) > 0;
    });
    if (any) continue;
    std::vector<std::string> has;
    for (const auto& [name, values] : run.metrics) has.push_back(name);
    return graph::InvalidArgument(run.path, " has none of ", absl::StrJoin(metrics, ", "),
                                  "; it has ",
                                  has.empty() ? "no numbers" : absl::StrJoin(has, ", "),
                                  ": name some of them with --metrics, or leave it out");
  }
  return metrics;
}

double XOf(const RunMetrics::Row& row, XAxis x) {
  if (x == XAxis::kEpoch) return row.epoch;
  return x == XAxis::kStep ? static_cast<double>(row.step) : row.seconds;
}

Series SeriesOf(const RunMetrics& run, const std::string& metric, const CurveOptions& options,
                bool smooth) {
  Series series;
  for (const RunMetrics::Value& value : run.metrics.at(metric)) {
    const RunMetrics::Row& row = run.rows[value.row];
    series.steps.push_back(row.step);
    series.xs.push_back(XOf(row, options.x));
    series.raw.push_back(value.value);
  }
  series.line = smooth ? Smoothed(series.raw, options.smooth) : series.raw;
  return series;
}

// Logarithms of numbers that are not positive leave a gap.
double Drawable(double value, bool log_y) {
  return std::isfinite(value) && (!log_y || value > 0) ? value : kNaN;
}

Curve OneRun(const Series& series, bool smooth, bool log_y) {
  Curve curve;
  for (size_t i = 0; i < series.xs.size(); ++i) {
    curve.line.push_back({series.xs[i], Drawable(series.line[i], log_y)});
    if (smooth) curve.raw.push_back({series.xs[i], Drawable(series.raw[i], log_y)});
  }
  return curve;
}

// Mean and range at the steps that all runs have.
Curve SeveralRuns(const std::vector<Series>& all, bool log_y) {
  Curve curve;
  std::vector<size_t> at(all.size(), 0);
  for (size_t i = 0; i < all[0].steps.size(); ++i) {
    double x = 0, sum = 0, low = all[0].line[i], high = low;
    bool shared = true;
    for (size_t k = 0; k < all.size() && shared; ++k) {
      const Series& one = all[k];
      while (at[k] < one.steps.size() && one.steps[at[k]] < all[0].steps[i]) ++at[k];
      shared = at[k] < one.steps.size() && one.steps[at[k]] == all[0].steps[i];
      if (!shared) break;
      const double value = one.line[at[k]];
      x += one.xs[at[k]], sum += value;
      // A NaN of one seed is a gap for all.
      low = std::min(low, value), high = std::max(high, value);
    }
    if (!shared) continue;
    const double runs = static_cast<double>(all.size());
    const double mean = Drawable(sum / runs, log_y);
    curve.line.push_back({x / runs, mean});
    curve.low.push_back(std::isnan(mean) ? kNaN : Drawable(low, log_y));
    curve.high.push_back(std::isnan(mean) ? kNaN : high);
  }
  return curve;
}

// If the runs of a group end at different steps, only the shared part is drawn.
void NoteShortRuns(const std::vector<Group>& groups, std::vector<std::string>* notes) {
  for (const Group& group : groups) {
    const auto last = [](const RunMetrics* run) { return run->rows.back().step; };
    const auto [shortest, longest] = std::minmax_element(
        group.runs.begin(), group.runs.end(),
        [&](const RunMetrics* a, const RunMetrics* b) { return last(a) < last(b); });
    if (last(*shortest) == last(*longest)) continue;
    notes->push_back(absl::StrCat(group.name, ": drawn to step ", last(*shortest), ", where ",
                                  (*shortest)->path, " ends"));
  }
}

// Converts seconds to the unit that suits the longest run.
void ScaleTime(CurvePage* page) {
  const double longest = page->x_high;
  double unit = 1;
  page->x_label = "seconds";
  if (longest > 2 * 3600) {
    unit = 3600, page->x_label = "hours";
  } else if (longest > 3 * 60) {
    unit = 60, page->x_label = "minutes";
  }
  page->x_high /= unit;
  for (Panel& panel : page->panels) {
    for (Curve& curve : panel.curves) {
      for (CurvePoint& point : curve.line) point.x /= unit;
      for (CurvePoint& point : curve.raw) point.x /= unit;
    }
  }
}

absl::Status SetX(const CurveOptions& options, CurvePage* page) {
  page->x_high = 0;
  for (const Panel& panel : page->panels) {
    for (const Curve& curve : panel.curves) {
      for (const CurvePoint& point : curve.line) {
        if (std::isfinite(point.x)) page->x_high = std::max(page->x_high, point.x);
      }
    }
  }
  page->x_label = options.x == XAxis::kStep ? "step" : "epoch";
  if (page->x_high <= 0 && options.x == XAxis::kTime) {
    return graph::InvalidArgument("--x=time: the runs have no times; take epoch or step");
  }
  if (options.x == XAxis::kTime) ScaleTime(page);
  if (page->x_high <= 0) page->x_high = 1;
  return absl::OkStatus();
}

absl::StatusOr<Panel> PlanPanel(const std::vector<Group>& groups, const std::string& metric,
                                const CurveOptions& options) {
  Panel panel;
  panel.metric = metric;
  panel.title = TitleOf(metric);
  panel.percent = IsShare(metric);
  panel.log_y = options.log_y.count(metric) > 0;
  panel.from_zero = !panel.log_y && (panel.percent || metric == "images_per_s");
  std::set<double> chances;
  for (const Group& group : groups) {
    for (const RunMetrics* run : group.runs) {
      const auto values = run->metrics.find(metric);
      if (values == run->metrics.end()) continue;
      panel.evaluation |= run->rows[values->second.front().row].evaluation;
      const auto own = run->chances.find(metric);
      if (own != run->chances.end()) chances.insert(own->second);
      if (own == run->chances.end() && HasChance(metric) && run->chance > 0) {
        chances.insert(run->chance);
      }
    }
  }
  panel.chances.assign(chances.begin(), chances.end());
  const bool smooth = options.smooth > 0 && !panel.evaluation && metric != "lr";
  bool any = false;
  for (size_t g = 0; g < groups.size(); ++g) {
    std::vector<Series> all;
    for (const RunMetrics* run : groups[g].runs) {
      if (run->metrics.count(metric) > 0) all.push_back(SeriesOf(*run, metric, options, smooth));
    }
    if (all.empty()) continue;
    Curve curve =
        all.size() == 1 ? OneRun(all[0], smooth, panel.log_y) : SeveralRuns(all, panel.log_y);
    curve.look = static_cast<int>(g);
    for (const CurvePoint& point : curve.line) any |= std::isfinite(point.y);
    panel.curves.push_back(std::move(curve));
  }
  if (!any && panel.log_y) {
    return graph::InvalidArgument("--log_y: '", metric, "' has no number above 0 to draw");
  }
  return panel;
}

}  // namespace

bool IsShare(const std::string& metric) {
  return absl::StrContains(metric, "acc") || absl::EndsWith(metric, "top_cell");
}

std::vector<double> Smoothed(const std::vector<double>& values, double smooth) {
  std::vector<double> smoothed;
  smoothed.reserve(values.size());
  double mean = 0, weight = 0;
  for (const double value : values) {
    if (!std::isfinite(value)) {
      smoothed.push_back(kNaN);
      continue;
    }
    mean = smooth * mean + (1 - smooth) * value;
    weight = smooth * weight + (1 - smooth);
    smoothed.push_back(mean / weight);
  }
  return smoothed;
}

std::string NameWithoutSeed(const std::string& name) {
  size_t end = name.size();
  while (end > 0 && absl::ascii_isdigit(name[end - 1])) --end;
  if (end == name.size()) return name;
  if (end > 0 && absl::StrContains("-_./", name.substr(end - 1, 1))) --end;
  return end == 0 ? name : name.substr(0, end);
}

absl::StatusOr<CurvePage> PlanCurves(const std::vector<RunMetrics>& runs,
                                     const CurveOptions& options, std::vector<std::string>* notes) {
  ASSIGN_OR_RETURN(const std::vector<std::string> metrics, ChooseMetrics(runs, options));
  const std::vector<Group> groups = GroupsOf(runs, options.seeds);
  if (groups.size() > kMostCurves) {
    return graph::InvalidArgument(groups.size(), " runs are more than ", kMostCurves,
                                  " curves that can be told apart; name fewer",
                                  options.seeds ? "" : ", or draw seeds as one with --seeds");
  }
  CurvePage page;
  bool several = false;
  for (const Group& group : groups) {
    several |= group.runs.size() > 1;
    page.legend.push_back(group.runs.size() == 1
                              ? group.name
                              : absl::StrCat(group.name, " (", group.runs.size(), " runs)"));
  }
  NoteShortRuns(groups, notes);
  bool smoothed = false, chance = false;
  for (const std::string& metric : metrics) {
    ASSIGN_OR_RETURN(Panel panel, PlanPanel(groups, metric, options));
    smoothed |= options.smooth > 0 && !panel.evaluation && metric != "lr";
    chance |= !panel.chances.empty();
    page.panels.push_back(std::move(panel));
  }
  RETURN_IF_ERROR(SetX(options, &page));
  if (several) page.remarks.push_back("means of runs, shaded from the lowest to the highest");
  if (smoothed) {
    page.remarks.push_back(absl::StrFormat("steps smoothed by %g%s", options.smooth,
                                           several ? "" : ", faint as they were"));
  }
  if (chance) page.remarks.push_back("dotted: chance");
  page.remarks.push_back("at the right: last values");
  return page;
}

}  // namespace tools
