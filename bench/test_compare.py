# SPDX-License-Identifier: BSD-3-Clause
"""test_compare.py - what is warned about when runs are compared, and what is stored of a run."""

import json
import tempfile
import unittest
from pathlib import Path

import readme
import stored
from results import Results, collect, figure
from targets import MEASURES, Measure, line_of, lines

MACHINE = {
    "processor": "A", "vendor": "V", "family": 6, "model": 7, "kernel": "6.1.0-1-amd64",
    "libc": "2.36", "date": "2026-01-01", "engine": "avx2",
}  # fmt: skip


def program_run(linked: str, *contests: tuple[str, str, int, dict, float]) -> list[str]:
    """Return what one run of a program prints; a contest has times and one spread."""
    rows = []
    for part, where, n, ns, spread in contests:
        peer = next(iter(ns))
        others = [name for name in ns if name != peer]
        rows.append(
            {
                "part": part,
                "where": where,
                "n": n,
                "peer": peer,
                "ns": ns,
                "speed": {name: ns[peer] / ns[name] for name in others},
                "spread": dict.fromkeys(others, spread),
            }
        )
    return [json.dumps(line) for line in ({**MACHINE, "linked": linked}, *rows)]


def copies(*speeds: float, spread: float = 0.01) -> Results:
    """Return the results of runs with one line-aligned copy, of these speeds."""
    return collect(
        program_run("shared", ("memcpy", "aligned", 8, {"libc": s, "memcpy_mcsafe": 1.0}, spread))
        for s in speeds
    )


def entry(mean: float, noise: float, unit: str = "speed", **other: str | int) -> dict:
    """Return one stored measure."""
    measure = {"peer": "glibc", "unit": unit, "mean": mean, "noise": noise, "contests": 3}
    return {**measure, "worst": mean, "at": "", **other}


def warnings(old: dict, new: dict) -> list[str]:
    """Compare two stored measures."""
    return stored.compare({"targets": {"m": old}, "rows": {}}, {"targets": {"m": new}, "rows": {}})


class Figures(unittest.TestCase):
    """Medians, means and noise."""

    def test_noise_of_several_runs_is_half_of_their_range(self) -> None:
        found = figure([1.0, 1.2, 0.9], 0.01)
        self.assertEqual(found.value, 1.0)
        self.assertAlmostEqual(found.noise, 0.15)

    def test_noise_of_many_runs_leaves_out_the_best_and_the_worst(self) -> None:
        self.assertAlmostEqual(figure([9.0, 1.0, 0.9, 1.1, 0.1], 0.0).noise, 0.1)

    def test_noise_of_one_run_is_the_spread_within_it(self) -> None:
        self.assertEqual(figure([2.0], 0.03).noise, 0.03)

    def test_mean_is_geometric_and_worst_names_its_length(self) -> None:
        run = program_run(
            "shared",
            ("memcpy", "aligned", 8, {"libc": 4.0, "memcpy_mcsafe": 1.0}, 0.0),
            ("memcpy", "aligned", 64, {"libc": 1.0, "memcpy_mcsafe": 1.0}, 0.0),
        )
        (line,) = lines(collect([run]))
        self.assertAlmostEqual(line.mean.value, 2.0)
        self.assertEqual((line.worst, line.at), (1.0, "64 B"))

    def test_time_is_the_inverse_of_speed_and_its_worst_is_the_most(self) -> None:
        measure = Measure("m", "guard", "", "MCSAFE_TRY", unit="time")
        run = program_run(
            "shared",
            ("guard", "", 1, {"sigsetjmp(,0)": 1.0, "MCSAFE_TRY": 2.0}, 0.0),
            ("guard", "", 2, {"sigsetjmp(,0)": 2.0, "MCSAFE_TRY": 1.0}, 0.0),
        )
        line = line_of(collect([run]), measure)
        assert line is not None
        self.assertAlmostEqual(line.mean.value, 1.0)
        self.assertEqual((line.worst, line.at), (2.0, "1 B"))

    def test_record_is_compared_with_the_copy_without_record(self) -> None:
        measure = next(m for m in MEASURES if m.peer)
        ns = {"libc": 8.0, "memcpy_mcsafe": 4.0, "mcsafe_memcpy": 5.0}
        run = program_run("shared", ("memcpy", measure.where, 0, ns, 0.0))
        line = line_of(collect([run]), measure)
        assert line is not None
        self.assertAlmostEqual(line.mean.value, 0.8)

    def test_programs_are_kept_apart(self) -> None:
        ns = {"libc": 2.0, "memcpy_mcsafe": 1.0}
        contest = ("memcpy", "aligned", 8, ns, 0.0)
        both = collect(program_run(linked, contest) for linked in ("shared", "static"))
        self.assertEqual(
            [line.measure.name for line in lines(both)],
            ["memcpy, aligned", "memcpy, aligned, linked statically"],
        )


class Comparison(unittest.TestCase):
    """Runs that are better, equal within the noise, and worse."""

    def test_same_and_faster_give_no_warning(self) -> None:
        for new in (1.0, 1.5):
            self.assertEqual(warnings(entry(1.0, 0.01), entry(new, 0.01)), [])

    def test_slower_within_the_noise_of_both_gives_no_warning(self) -> None:
        self.assertEqual(warnings(entry(1.0, 0.05), entry(0.91, 0.05)), [])

    def test_slower_by_more_than_the_noise_of_both_is_named(self) -> None:
        (warning,) = warnings(entry(1.0, 0.05), entry(0.89, 0.05))
        self.assertIn("m: mean 0.89, was 1", warning)

    def test_noise_is_never_taken_to_be_nothing(self) -> None:
        self.assertEqual(warnings(entry(1.0, 0.0), entry(0.98, 0.0)), [])
        self.assertEqual(len(warnings(entry(1.0, 0.0), entry(0.94, 0.0))), 1)

    def test_more_time_is_worse_and_less_is_better(self) -> None:
        for unit in ("time", "seconds"):
            self.assertEqual(warnings(entry(1.0, 0.0, unit), entry(0.5, 0.0, unit)), [])
            self.assertEqual(len(warnings(entry(1.0, 0.0, unit), entry(1.1, 0.0, unit))), 1)

    def test_another_peer_is_not_compared(self) -> None:
        self.assertEqual(warnings(entry(1.0, 0.0), entry(0.5, 0.0, peer="clflush")), [])

    def test_mean_of_other_lengths_is_not_compared(self) -> None:
        self.assertEqual(warnings(entry(1.0, 0.0), entry(0.5, 0.0, contests=2)), [])

    def test_measures_of_only_one_run_are_not_compared(self) -> None:
        old = {"targets": {"a": entry(1.0, 0.0)}, "rows": {"r": [1.0, 1.0, 0.0]}}
        self.assertEqual(stored.compare(old, {"targets": {}, "rows": {}}), [])
        self.assertEqual(stored.compare({"targets": {}, "rows": {}}, old), [])

    def test_single_lengths_are_compared_too(self) -> None:
        old, fast, slow = (stored.summary(copies(speed)) for speed in (1.0, 0.95, 0.85))
        for summary in (old, fast, slow):
            summary["targets"] = {}
        self.assertEqual(stored.compare(old, fast), [])
        (warning,) = stored.compare(old, slow)
        self.assertIn("shared memcpy, aligned, 8", warning)


class Store(unittest.TestCase):
    """Files of stored results."""

    def test_what_was_written_is_read_again(self) -> None:
        results = copies(1.0, 1.1, 1.2)
        with tempfile.TemporaryDirectory() as name:
            path = stored.write(Path(name), results)
            self.assertEqual(path.name, "V-6-7.json")
            self.assertEqual(stored.read(path), json.loads(json.dumps(stored.summary(results))))

    def test_there_may_be_no_results_of_a_model(self) -> None:
        self.assertIsNone(stored.read(Path("/nonexistent.json")))

    def test_stored_files_of_the_project_can_be_shown(self) -> None:
        directory = Path(__file__).parent / "results"
        found = [stored.read(path) for path in sorted(directory.glob("*.json"))]
        self.assertTrue(found)
        for one in found:
            assert one is not None
            self.assertIn(readme.title(one), readme.text_of(found))
            self.assertEqual(stored.compare(one, one), [])

    def test_readme_has_a_column_for_each_processor(self) -> None:
        one, other = stored.summary(copies(1.0)), stored.summary(copies(2.0))
        other["machine"] = {**other["machine"], "processor": "B", "date": "2025-01-01"}
        text = readme.text_of([one, other])
        self.assertIn("| A, family 6 model 7 | B, family 6 model 7 |", text)
        self.assertIn("| 2026-01-01 | 2025-01-01 |", text)
        self.assertIn("| memcpy, aligned | glibc | 1.00 | 2.00 |", text)


if __name__ == "__main__":
    unittest.main()
