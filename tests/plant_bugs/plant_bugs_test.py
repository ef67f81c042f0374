#!/usr/bin/env python3
"""The lists of bugs fit the tree, with none planted; and what is made of a test's log."""

import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, "tests/plant_bugs")
import plant_bugs  # pylint: disable=wrong-import-position

FIELDS = {"name", "file", "old", "new", "test", "by", "says", "only"}
RACE = ('unknown file: Failure\nC++ exception with description "race: (Kernel<T, 8>), block '
        '(0,0,0), thread (1,0,0), a.cu.cc:3: writes what was read" thrown in the test body.')
NUMBERS = ("a_test.cc:12: Failure\nExpected: (MaxError(y, expected)) < (1e-5), actual: 3 vs 1e-5\n"
           "[  FAILED  ] A.B (3 ms)")


class Lists(unittest.TestCase):
    def setUp(self):
        self.bugs = [bug for bugs in plant_bugs.load().values() for bug in bugs]

    def test_old_text_is_in_its_file_once(self):
        for bug in self.bugs:
            with self.subTest(bug["name"]):
                with open(bug["file"]) as file:
                    self.assertEqual(file.read().count(bug["old"]), 1, bug["file"])
                self.assertNotEqual(bug["old"], bug["new"])

    def test_tests_exist(self):
        with open("tests/plant_bugs/tests") as file:
            tests = set(file.read().split())
        self.assertEqual({bug["test"] for bug in self.bugs}, tests)

    def test_names_differ_and_kinds_are_known(self):
        names = [bug["name"] for bug in self.bugs]
        self.assertEqual(len(names), len(set(names)))
        for bug in self.bugs:
            self.assertIn(bug["by"], plant_bugs.KINDS, bug["name"])
            self.assertLessEqual(set(bug), FIELDS)

    def test_the_document_has_them(self):
        with open("docs/planted_bugs.md") as file:
            self.assertEqual(file.read(), plant_bugs.table(plant_bugs.load()),
                             "tests/plant_bugs/plant_bugs.py --table > docs/planted_bugs.md")


class Judgement(unittest.TestCase):
    def judge(self, by, says, status, log):
        return plant_bugs.judge({"by": by, "says": says}, status, log)[0]

    def test_a_finding_is_of_its_kind_and_its_kernel(self):
        self.assertTrue(self.judge("race", "Kernel", 3, RACE))
        self.assertFalse(self.judge("stream race", "Kernel", 3, RACE))
        self.assertFalse(self.judge("race", "Other", 3, RACE))
        self.assertFalse(self.judge("numbers", "Kernel", 3, RACE))
        self.assertFalse(self.judge("race", "MaxError", 3, NUMBERS))

    def test_numbers_come_without_a_finding(self):
        self.assertTrue(self.judge("numbers", "MaxError", 3, NUMBERS))
        self.assertFalse(self.judge("numbers", "lse", 3, NUMBERS))

    def test_neither_a_crash_nor_a_timeout_is_numbers(self):
        self.assertTrue(self.judge("numbers", "", 3, NUMBERS))
        self.assertFalse(self.judge("numbers", "A.B", 3, "[ RUN      ] A.B\n*** SIGSEGV"))
        self.assertFalse(self.judge("numbers", "", 3, NUMBERS + "\nTIMEOUT: //a:b (Summary)"))

    def test_only_a_failed_test_has_found_something(self):
        self.assertFalse(self.judge("race", "Kernel", 0, RACE))
        self.assertFalse(self.judge("race", "Kernel", 1, RACE))


if __name__ == "__main__":
    unittest.main()
