# SPDX-License-Identifier: BSD-3-Clause
"""test_badblocks.py - mcsafe badblocks tells what lists say."""

import fcntl
import json
import os
import random
import struct
import subprocess
import tempfile
import unittest
from pathlib import Path

import dialogue
from tool import ERROR, FINE, LOST, MCSAFE, run

HEADING = "# "
SECTOR = 512
PAGE = 4096
# FS_IOC_FIEMAP of linux/fs.h, and FIEMAP_FLAG_SYNC of linux/fiemap.h.
FIEMAP, SYNC = 0xC020660B, 1


def badblocks(*words: str | Path, **options) -> subprocess.CompletedProcess:
    """Run mcsafe badblocks."""
    return run("badblocks", *map(str, words), **options)


def lines(done: subprocess.CompletedProcess) -> list[str]:
    """Return the ranges of a list, without its heading."""
    heading, *rest = done.stdout.splitlines()
    if not heading.startswith(HEADING):
        raise AssertionError(f"no heading: {done.stdout}{done.stderr}")
    return rest


def cxl(**errors: list[dict]) -> str:
    """Return the text of cxl list --media-errors for regions with these errors."""
    regions = [{"region": name, "size": 1 << 30, "media_errors": e} for name, e in errors.items()]
    return json.dumps([{"bus": "root0", "decoders:root0": [{"regions:decoder0.0": regions}]}])


# What cxl list 81 and 85 write, with the options that follow it.
MEMDEV_HUMAN = """{
  "memdev":"mem9",
  "pmem_size":"1024.00 MiB (1073.74 MB)",
  "serial":"0x5",
  "numa_node":1,
  "host":"cxl_mem.5",
  "media_errors":[
    {
      "offset":"0x40000000",
      "length":64,
      "source":"Injected"
    }
  ]
}
"""  # -m mem9 --media-errors --human
REGION_HUMAN = """{
  "region":"region5",
  "resource":"0xf110000000",
  "size":"2.00 GiB (2.15 GB)",
  "interleave_ways":2,
  "decode_state":"commit",
  "media_errors":[
    {
      "offset":"0",
      "length":4194304,
      "source":"Vendor Specific"
    },
    {
      "offset":"0x800000",
      "length":64,
      "source":"Injected"
    }
  ]
}
"""  # -r region5 --media-errors --human
MEMDEVS = """[
  {
    "memdev":"mem8",
    "ram_size":1073741824,
    "host":"cxl_mem.4"
  },
  {
    "memdev":"mem9",
    "pmem_size":1073741824,
    "media_errors":[
      {
        "offset":1073741824,
        "length":64,
        "source":"Unknown",
        "flags":"More,"
      },
      {
        "offset":1536,
        "length":8388608,
        "source":"External"
      }
    ],
    "host":"cxl_mem.5"
  }
]
"""  # -M --media-errors
EVERYTHING = """[
  {
    "bus":"root3",
    "provider":"cxl_test",
    "endpoints:root3":[
      {
        "endpoint":"endpoint4",
        "depth":3,
        "memdev":{
          "memdev":"mem2",
          "media_errors":[
            {
              "offset":1073741824,
              "length":64,
              "source":"Injected"
            }
          ]
        },
        "decoders:endpoint4":[
          {
            "decoder":"decoder4.0",
            "region":"region5"
          }
        ]
      }
    ],
    "decoders:root3":[
      {
        "decoder":"decoder3.0",
        "regions:decoder3.0":[
          {
            "region":"region5",
            "resource":1035623989248,
            "media_errors":[
              {
                "offset":8192,
                "length":64,
                "source":"Internal"
              }
            ],
            "mappings":[
              {
                "position":0,
                "memdev":"mem2",
                "decoder":"decoder4.0"
              }
            ]
          }
        ]
      }
    ]
  }
]
"""  # -vvv


class Badblocks(unittest.TestCase):
    """Lists that this test has written."""

    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory(prefix="mcsafe badblocks ")
        self.addCleanup(scratch.cleanup)
        self.scratch = Path(scratch.name)

    def write(self, name: str, text: str) -> Path:
        """Write a file in the scratch directory."""
        path = self.scratch / name
        path.write_text(text)
        return path

    def leave_out(self, reason: str) -> None:
        """Say what is not tested."""
        print(f"SKIP: {reason}")
        if os.environ.get("MCSAFE_NO_SKIP") == "1":
            self.fail(reason)

    def test_lists_are_merged(self) -> None:
        """Those of files and of standard input, in order of the offsets."""
        one = self.write("one", "8192 4096\n# a remark\n0 512\n")
        other = self.write("two", "12288 1\n")
        done = badblocks("--load", one, "--load", other, "--load", "-", input="512 100\n")
        self.assertEqual((done.returncode, done.stderr), (LOST, ""))
        self.assertEqual(lines(done), ["0 612", "8192 4097"])
        empty = self.write("empty", "")
        done = badblocks("--load", empty)
        self.assertEqual((done.returncode, lines(done)), (FINE, []))

    def test_the_file_is_not_overwritten(self) -> None:
        """The list is about it."""
        file = self.write("file", "data")
        done = badblocks("--no-ask", "--save", file, file)
        self.assertEqual(done.returncode, ERROR)
        self.assertIn("is the file that the list is about, and would be overwritten", done.stderr)
        self.assertEqual(file.read_text(), "data")

    def test_endless_blocks_end_at_a_full_disk(self) -> None:
        """Nothing more is written after an error."""
        huge = self.write("huge", f"0 {2**63 - 1}\n")
        with open("/dev/full", "w", encoding="ascii") as full:
            done = subprocess.run(
                [MCSAFE, "badblocks", "--load", huge, "--blocks", "1"],
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
                timeout=60,  # only a command that goes on takes that long
            )
        self.assertEqual(done.returncode, ERROR)
        self.assertIn("standard output: No space left on device", done.stderr)

    def test_the_text_is_read_again(self) -> None:
        """What the command writes, it also reads."""
        ranges = "".join(f"{start} {random.Random(start).randint(1, 999)}\n"
                         for start in range(0, 10**6, 1000))
        saved = self.scratch / "saved"
        done = badblocks("--load", "-", "--save", saved, input=ranges)
        self.assertEqual((done.returncode, done.stdout), (LOST, ""))
        self.assertEqual("".join(f"{one}\n" for one in lines(badblocks("--load", saved))), ranges)

    def test_numbers_of_blocks(self) -> None:
        """Each block that has a bad byte, once: compared with a simple model."""
        generator = random.Random(20)
        for size in (1, 512, 1000, 1024, 4096):
            ranges = [(generator.randrange(20000), generator.randint(1, 3000)) for _ in range(8)]
            expected = sorted({b // size for start, n in ranges for b in range(start, start + n)})
            text = "".join(f"{start} {length}\n" for start, length in ranges)
            done = badblocks("--blocks", str(size), "--load", "-", input=text)
            with self.subTest(size=size, ranges=ranges):
                self.assertEqual(done.returncode, LOST)
                self.assertEqual([int(line) for line in done.stdout.split()], expected)
        self.assertEqual(badblocks("-b4k", "--load", "-", input="4096 1\n").stdout, "1\n")

    def test_json(self) -> None:
        """The ranges, the sum, and what the kernel said."""
        done = badblocks("--json", "--load", "-", input="0 512\n4096 8\n")
        self.assertEqual((done.returncode, done.stderr), (LOST, ""))
        found = json.loads(done.stdout)
        self.assertEqual(
            found["bad"], [{"start": 0, "length": 512}, {"start": 4096, "length": 8}]
        )
        self.assertEqual((found["bad_bytes"], found["kernel"]), (520, "not asked"))

    def test_media_errors_of_cxl(self) -> None:
        """Numbers, and the texts of --human; offsets count from --base."""
        errors = [
            {"offset": 4096, "length": 64, "source": "Injected"},
            {"offset": "0x2000", "length": "128", "source": "External"},
            {"dpa": "0x3000", "length": 64, "source": "Unknown"},
        ]
        for words, expected in (
            ((), ["4096 64", "8192 128", "12288 64"]),
            (("--base", "4K"), ["0 64", "4096 128", "8192 64"]),
            (("--base", "0x1020"), ["0 32", "4064 128", "8160 64"]),
            (("--base", "1M"), []),
        ):
            with self.subTest(words):
                done = badblocks("--cxl", "-", *words, input=cxl(region0=errors))
                self.assertEqual((done.returncode, done.stderr), (LOST if expected else FINE, ""))
                self.assertEqual(lines(done), expected)

    def test_a_region_or_device_of_cxl(self) -> None:
        """Each counts from its own start, so one must be chosen."""
        error = [{"offset": 0, "length": 64}]
        file = self.write("cxl", cxl(region0=error, region1=[{"offset": 256, "length": 64}]))
        done = badblocks("--cxl", file)
        self.assertEqual((done.returncode, done.stdout), (ERROR, ""))
        self.assertIn("both region0 and region1 have media errors", done.stderr)
        self.assertIn("--of", done.stderr)
        self.assertEqual(lines(badblocks("--cxl", file, "--of", "region1")), ["256 64"])
        done = badblocks("--cxl", file, "--of", "region7")
        self.assertEqual((done.returncode, done.stdout), (ERROR, ""))
        self.assertIn("no media_errors of region7", done.stderr)
        done = badblocks("--cxl", "-", input=cxl(region0=[], region1=error))
        self.assertEqual(lines(done), ["0 64"])
        memdev = json.dumps({"memdev": "mem9", "media_errors": error})
        self.assertEqual(lines(badblocks("--cxl", "-", "--of=mem9", input=memdev)), ["0 64"])

    def test_what_cxl_list_writes(self) -> None:
        """Each form that its manual and its source have."""
        for text, words, expected in (
            (MEMDEV_HUMAN, (), [f"{1 << 30} 64"]),
            (REGION_HUMAN, (), ["0 4194304", "8388608 64"]),
            (MEMDEVS, (), ["1536 8388608", f"{1 << 30} 64"]),
            (MEMDEVS, ("--of", "mem9", "--base=1g"), ["0 64"]),
            (EVERYTHING, ("--of=mem2",), [f"{1 << 30} 64"]),
            (EVERYTHING, ("--of=region5",), ["8192 64"]),
        ):
            with self.subTest(text=text, words=words):
                done = badblocks("--cxl=-", *words, input=text)
                self.assertEqual((done.returncode, done.stderr), (LOST, ""))
                self.assertEqual(lines(done), expected)
        for words, message in (
            (("--of=mem8",), "no media_errors of mem8"),
            (("--of=endpoint4",), "no media_errors of endpoint4"),
            ((), "both mem2 and region5 have media errors"),
        ):
            done = badblocks("--cxl=-", *words, input=EVERYTHING)
            self.assertEqual((done.returncode, done.stdout), (ERROR, ""))
            self.assertIn(message, done.stderr)

    def test_lists_of_cxl_in_several_files(self) -> None:
        """They must be of one region or memdev, too: each counts from its own start."""
        one, other = self.write("one", MEMDEV_HUMAN), self.write("two", MEMDEVS)
        done = badblocks("--cxl", one, "--cxl", other)
        self.assertEqual(lines(done), ["1536 8388608", f"{1 << 30} 64"])
        done = badblocks("--cxl", one, "--cxl", self.write("three", REGION_HUMAN))
        self.assertEqual((done.returncode, done.stdout), (ERROR, ""))
        self.assertIn("three: both mem9 and region5 have media errors", done.stderr)

    def test_a_list_of_cxl_that_the_device_has_cut_off(self) -> None:
        """It is told once: what is not listed may be bad."""
        for flags, is_cut in (("More,", False), ("Overflow,", True), ("More,Scanning,", True)):
            error = {"offset": 0, "length": 64, "source": "Internal", "flags": flags}
            done = badblocks("--cxl=-", input=cxl(region0=[error, {**error, "offset": 4096}]))
            self.assertEqual((done.returncode, lines(done)), (LOST, ["0 64", "4096 64"]))
            told = "standard input: the device has not listed all: there may be more bad ranges"
            self.assertEqual(done.stderr, f"mcsafe badblocks: {told}\n" if is_cut else "")

    def test_texts_that_are_no_media_errors(self) -> None:
        """The message names the file and the place."""
        first = "media error 1 of region0"
        no_number = "which is no number of bytes"
        deep = "[" * 30 + "{" + '"media_errors":[]' + "}" + "]" * 30
        for text, message in (
            ("", "standard input: no JSON in it"),
            (" \n", "standard input: no JSON in it"),
            ("[1, 2", "standard input, byte 5: no JSON: the text ends too early"),
            ('{"memdev":"mem0","media_errors":[', "no JSON: the text ends too early"),
            ("[1, x]", "standard input, byte 4: no JSON: "),
            ("[] []", "no JSON"),
            ("[]\0[", "standard input, byte 2: no JSON: a byte 0"),
            ("[]", "no media_errors in it: there are none, or cxl list was run without"),
            ('{"memdev": "mem0"}', "no media_errors in it"),
            ('{"media_errors": 7}', "media_errors of the device is no list"),
            ('{"media_errors": null}', "media_errors of the device is no list"),
            ('{"region": null, "media_errors": {}}', "media_errors of the device is no list"),
            ('{"memdev": "mem\\u001b", "media_errors": {}}', "media_errors of mem\\x1b is no list"),
            (cxl(region0=[{"length": 64}]), f"{first} has no offset"),
            (cxl(region0=[{"offset": 64, "source": "Injected"}]), f"{first} has no length"),
            (cxl(region0=[7]), f"{first} is no object"),
            (cxl(region0=[None]), f"{first} is no object"),
            (cxl(region0=[{"offset": 0, "length": 1}, []]), "media error 2 of region0"),
            (cxl(region0=[{"offset": 0, "length": 0}]), f"{first} has no valid length: 0 bytes"),
            (cxl(region0=[{"offset": 2**63 - 1, "length": 1}]), f"{first} has no valid length"),
            (cxl(region0=[{"offset": 1, "length": 2**63 - 1}]), f"{first} has no valid length"),
            (
                cxl(region0=[{"offset": 0, "length": "8.00 MiB (8.39 MB)"}]),
                'the length "8.00 MiB (8.39 MB)", which is rounded: cxl list writes all digits',
            ),
            *(
                (
                    cxl(region0=[{"offset": 0, "length": 64, key: value}]),
                    f"a media error of region0 has the {key} {shown}, {no_number}",
                )
                for key in ("offset", "length")
                for value, shown in (
                    (-1, "-1"),
                    (2**63, "9223372036854775808"),
                    (2**64 - 1, "18446744073709551615"),
                    (1.5, "1.5"),
                    (4096.0, "4096.0"),
                    ("x\x1b", "x\\x1b"),
                    ("-1", "-1"),
                    ("0x8000000000000000", "0x8000000000000000"),
                    ("0x", "0x"),
                    ("", ""),
                    (None, "null"),
                    (True, "true"),
                    ([64], "[ 64 ]"),
                )
            ),
            # json-c 0.16 takes the nearest number, and 0.18 refuses it.
            *(
                (
                    cxl(region0=[{"offset": number, "length": 64}]),
                    f"has the offset {nearest}, {no_number}|no JSON: number expected",
                )
                for number, nearest in ((2**64, 2**64 - 1), (-(2**70), -(2**63)))
            ),
            (cxl(region0=[{"offset": float("nan"), "length": 64}]), "offset NaN"),
            (cxl(region0=[{"offset": float("inf"), "length": 64}]), "offset Infinity"),
            ("[" * 100 + "]" * 100, "no JSON"),
            (deep + deep, "no JSON"),
        ):
            with self.subTest(text):
                done = badblocks("--cxl", "-", input=text)
                self.assertEqual((done.returncode, done.stdout), (ERROR, ""))
                self.assertTrue(any(one in done.stderr for one in message.split("|")), done.stderr)
                self.assertRegex(done.stderr, r"\A[ -~]*\n\Z")
        self.assertEqual(lines(badblocks("--cxl", "-", input=deep)), [])

    def test_an_endless_list_of_cxl(self) -> None:
        """It is not read until there is no memory."""
        done = badblocks("--cxl", "/dev/zero")
        self.assertEqual((done.returncode, done.stdout), (ERROR, ""))
        self.assertIn("/dev/zero: more than 67108864 bytes of JSON", done.stderr)

    def test_the_kernel_without_a_list(self) -> None:
        """It is an error if nothing else is there to tell, and a warning otherwise."""
        with tempfile.NamedTemporaryFile(dir="/dev/shm") as file:
            done = badblocks(file.name)
            self.assertEqual((done.returncode, done.stdout), (ERROR, ""))
            self.assertIn(f"{file.name}: its file system is not on a single disk", done.stderr)
            done = badblocks("--load", "-", file.name, input="0 512\n")
            self.assertEqual((done.returncode, lines(done)), (LOST, ["0 512"]))
            self.assertIn("is not on a single disk", done.stderr)
            done = badblocks("--json", "--load", "-", file.name, input="")
            found = json.loads(done.stdout)
            self.assertEqual((found["kernel"], found["kernel_error"]), ("no answer", "ENODEV"))
            done = badblocks("--no-ask", "--load", "-", file.name, input="")
            self.assertEqual((done.returncode, done.stderr), (FINE, ""))

    def test_a_full_file_system(self) -> None:
        """It is told that there is no space, and the old list stays."""
        full = self.scratch / "full"
        full.mkdir()
        unshare = ["unshare", "--mount"]
        if os.getuid() != 0:
            unshare += ["--user", "--map-root-user"]
        fill = """
            mount -t tmpfs -o size=8k none "$0" && cd "$0" && echo "0 1" > list &&
            ! head -c 8192 /dev/zero 2>/dev/null > rest || exit 9
            "$@"; status=$?
            cat list; exit $status"""
        for words in (
            ("badblocks", "--load", self.write("new", "8192 4096\n"), "--save", "list"),
            ("scrub", "--load", self.scratch / "new", "--save", "list", self.write("file", "x")),
        ):
            done = subprocess.run(
                [*unshare, "sh", "-c", fill, full, MCSAFE, *words],
                capture_output=True, text=True, check=False,
            )
            if done.returncode == 9 or "unshare" in done.stderr:
                self.leave_out(f"a full file system: {done.stderr}")
                return
            self.assertEqual(done.returncode, ERROR)
            self.assertEqual(
                done.stderr, f"mcsafe {words[0]}: list: No space left on device\n"
            )
            self.assertEqual(done.stdout.splitlines()[-1], "0 1")

    def test_the_list_of_the_kernel(self) -> None:
        """A file system takes the place of /sys, in mounts of this command only."""
        file = self.write("data", "x" * 16 * PAGE)
        reason, start = first_extent(file)
        fake = self.scratch / "sys"
        device = file.stat().st_dev
        block = fake / f"dev/block/{os.major(device)}:{os.minor(device)}"
        block.mkdir(parents=True)
        (block / "size").write_text(f"{1 << 40}\n")
        # The second page of the file, and what is before the file on the disk.
        (block / "badblocks").write_text(f"0 1\n{(start + PAGE) // SECTOR} 8\n")
        unshare = ["unshare", "--mount"]
        if os.getuid() != 0:
            unshare += ["--user", "--map-root-user"]
        mount = 'mount --bind "$0" /sys'
        if reason is None:
            done = subprocess.run(
                [*unshare, "sh", "-c", mount, fake], capture_output=True, text=True, check=False
            )
            reason = done.stderr.strip() if done.returncode != 0 else None
        if reason is not None:
            self.leave_out(f"the list of the kernel: {reason}")
            return
        script = f'{mount}; exec "$@"'
        done = subprocess.run(
            [*unshare, "sh", "-c", script, fake, MCSAFE, "badblocks", "--json", file],
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual((done.returncode, done.stderr), (LOST, ""))
        found = json.loads(done.stdout)
        self.assertEqual(found["bad"], [{"start": PAGE, "length": PAGE}])
        self.assertEqual((found["kernel"], found["kernel_error"]), ("found", None))

    def test_wrong_usage(self) -> None:
        """The message names the option or the file."""
        fifo = self.scratch / "fifo"
        os.mkfifo(fifo)
        file = self.write("data", "no list")
        nothing = "neither a file, a block device nor a device-dax node"
        for words, message in (
            ((), "which file or device, or which list?"),
            ((file, file), "only one file or device"),
            (("--blocks", "0", file), '--blocks: "0" is no number of bytes above 0'),
            (("--base", "x", file), '--base: "x" is no number of bytes'),
            (("--json", "--blocks=512", file), "exclude each other"),
            (("--json", "--save=x", file), "--save writes a list"),
            (("--of=region0", file), "--of and --base are for --cxl"),
            ((self.scratch / "nothing",), "nothing: No such file or directory"),
            ((self.scratch,), nothing),
            ((fifo,), nothing),
            (("--load", "/nonexistent"), "/nonexistent: No such file or directory"),
            (("--load", self.scratch), "Is a directory"),
            (("--load", file), "data, line 1: not a start and a length in bytes"),
            (("--cxl", "/nonexistent"), "/nonexistent: No such file or directory"),
            (("--cxl", self.scratch), "Is a directory"),
        ):
            with self.subTest(words):
                done = badblocks(*words)
                self.assertEqual((done.returncode, done.stdout), (ERROR, ""))
                self.assertIn(message, done.stderr)

    def test_a_full_standard_output(self) -> None:
        """It is an error in each form."""
        for words in ((), ("--json",), ("--blocks=512",)):
            with open("/dev/full", "w", encoding="ascii") as full:
                done = subprocess.run(
                    [MCSAFE, "badblocks", "--load", "-", *words],
                    input="0 512\n",
                    stdout=full,
                    stderr=subprocess.PIPE,
                    text=True,
                    check=False,
                )
            self.assertEqual(done.returncode, ERROR)
            self.assertIn("standard output: No space left on device", done.stderr)

    def test_the_manual(self) -> None:
        """The dialogue of the page."""
        self.write("errors.json", cxl(region0=[{"offset": 8192, "length": 64}]))
        dialogue.replay("mcsafe-badblocks.1", self.scratch)


def first_extent(file: Path) -> tuple[str | None, int]:
    """Return where a file begins on its disk, or why that is not known."""
    request = struct.pack("=QQIIII", 0, (1 << 64) - 1, SYNC, 0, 1, 0) + bytes(56)
    with file.open("rb") as opened:
        try:
            answer = fcntl.ioctl(opened, FIEMAP, request)
        except OSError as error:
            return f"FIEMAP of {file}: {error.strerror}", 0
    mapped = struct.unpack_from("=QQIIII", answer)[3]
    logical, physical, length = struct.unpack_from("=QQQ", answer, 32)
    if mapped != 1 or logical != 0 or length < 16 * PAGE or os.major(file.stat().st_dev) == 0:
        return f"{file} is not in one piece on a disk", 0
    return None, physical


if __name__ == "__main__":
    unittest.main()
