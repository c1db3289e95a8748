# SPDX-License-Identifier: BSD-3-Clause
"""test_install.py - a crate of somebody else builds against what CMake installs."""

import os
import tempfile
import unittest
from pathlib import Path

import support

BUILD = os.environ["MCSAFE_BUILD_DIR"]
CMAKE = os.environ["MCSAFE_CMAKE"]

CARGO_TOML = """
[package]
name = "user"
version = "0.1.0"
edition = "2021"

[dependencies]
mcsafe = { path = "CRATES/mcsafe" }

[workspace]
"""
PROGRAM = """
fn main() -> std::io::Result<()> {
    let path = std::env::args().nth(1).unwrap();
    std::fs::write(&path, [1; 8192])?;
    let map = mcsafe::Map::open(&path)?;
    std::fs::OpenOptions::new().write(true).open(&path)?.set_len(4096)?;
    let error = map.read_at(&mut [0; 8192], 0).unwrap_err();
    println!("{} {:?}", error.copied(), error.reason());
    Ok(())
}
"""
MISSING = "libmcsafe was not found: set MCSAFE_LIB_DIR, or PKG_CONFIG_PATH for mcsafe.pc"


class Install(unittest.TestCase):
    """A prefix with libmcsafe, in a directory whose name has a blank."""

    @classmethod
    def setUpClass(cls) -> None:
        scratch = tempfile.TemporaryDirectory(prefix="mcsafe rust ")
        cls.addClassCleanup(scratch.cleanup)
        cls.scratch = Path(scratch.name)
        for part in ("runtime", "development"):
            done = support.run(CMAKE, "--install", BUILD, "--prefix", cls.scratch / "prefix",
                               "--component", f"mcsafe_{part}")
            assert done.returncode == 0, done
        [library] = cls.scratch.rglob("libmcsafe.so.0")
        cls.lib = library.parent
        cls.crate = cls.scratch / "user"
        (cls.crate / "src").mkdir(parents=True)
        manifest = CARGO_TOML.replace("CRATES", str(support.CRATES))
        (cls.crate / "Cargo.toml").write_text(manifest, encoding="utf-8")
        (cls.crate / "src/main.rs").write_text(PROGRAM, encoding="utf-8")

    def build(self, name: str, **environment: str) -> tuple[Path, str]:
        """Build the crate. Returns the program, and what cargo says. Nobody names the library."""
        target = self.scratch / name
        done = support.cargo("build", cwd=self.crate, MCSAFE_LIB_DIR=None, LD_LIBRARY_PATH=None,
                             CARGO_TARGET_DIR=str(target), **environment)
        return target / "debug/user", done.stderr

    def check(self, program: Path, libraries: str | None) -> None:
        """The program gets an error where SIGBUS would kill it."""
        done = support.run(program, self.scratch / "file", LD_LIBRARY_PATH=libraries)
        self.assertEqual((done.returncode, done.stdout), (0, "4096 PastEnd\n"), done)

    def test_the_shared_library_is_found_by_pkg_config(self) -> None:
        program, said = self.build("shared", PKG_CONFIG_PATH=str(self.lib / "pkgconfig"))
        self.assertTrue(program.exists(), said)
        needed = support.run("readelf", "--dynamic", program).stdout
        self.assertIn("Shared library: [libmcsafe.so.0]", needed)
        self.check(program, str(self.lib))

    def test_the_static_library_is_found_by_pkg_config(self) -> None:
        program, said = self.build("static", PKG_CONFIG_PATH=str(self.lib / "pkgconfig"),
                                   MCSAFE_STATIC="1")
        self.assertTrue(program.exists(), said)
        needed = support.run("readelf", "--dynamic", program).stdout
        self.assertIn("Shared library: [libc.so.6]", needed)
        self.assertNotIn("libmcsafe", needed)
        self.check(program, None)

    def test_without_the_library_cargo_tells_what_to_do(self) -> None:
        program, said = self.build("missing", PKG_CONFIG_LIBDIR=str(self.scratch),
                                   PKG_CONFIG_PATH="")
        self.assertFalse(program.exists())
        self.assertIn(MISSING, said)
        self.assertIn("mcsafe.pc", said)

    def test_a_library_that_is_too_old_is_not_found(self) -> None:
        old = self.scratch / "old"
        old.mkdir()
        there = (self.lib / "pkgconfig/mcsafe.pc").read_text(encoding="utf-8")
        [version] = [line for line in there.splitlines() if line.startswith("Version: ")]
        (old / "mcsafe.pc").write_text(there.replace(version, "Version: 0.0.9"), encoding="utf-8")
        program, said = self.build("too old", PKG_CONFIG_PATH=str(old))
        self.assertFalse(program.exists())
        self.assertIn(MISSING, said)
        self.assertIn("0.0.9", said)

    def test_without_pkg_config_cargo_tells_what_to_do(self) -> None:
        tools = self.scratch / "bin"
        tools.mkdir()
        for name in ("cc", "gcc", "ld"):
            (tools / name).symlink_to(f"/usr/bin/{name}")
        program, said = self.build("no pkg-config", PATH=str(tools))
        self.assertFalse(program.exists())
        self.assertIn(MISSING, said)
        self.assertIn("pkg-config: No such file", said)


if __name__ == "__main__":
    support.main()
