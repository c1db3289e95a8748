// SPDX-License-Identifier: BSD-3-Clause
// Host.java - a Java virtual machine still uses SIGSEGV and SIGBUS while libmcsafe is installed

import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

public final class Host {
  static native int install();
  static native int recover(int n);
  static native int start();
  static native long stop();

  private int field = 1;

  private static void check(boolean condition, String what) {
    if (!condition) throw new AssertionError(what);
  }

  private static int read(Host host) {
    return host.field;
  }

  /*
   * Compiled code does not test for null. The processor faults, and the machine handles the
   * SIGSEGV.
   */
  private static int nullChecks(int n) {
    Host good = new Host();
    int caught = 0, sum = 0;
    for (int i = 0; i < n; i++) {
      try {
        sum += read(i % 64 == 63 ? null : good);
      } catch (NullPointerException e) {
        caught++;
      }
    }
    check(sum == n - caught, "sum " + sum);
    return caught;
  }

  /* A mapped file is truncated: SIGBUS becomes an InternalError. */
  private static int internalErrors(int n) throws Exception {
    int caught = 0;
    for (int i = 0; i < n; i++) {
      Path path = Files.createTempFile("mcsafe", "host");
      /* The error may come somewhat later than the access, for example in close(). */
      try (FileChannel file =
          FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
        MappedByteBuffer map = file.map(FileChannel.MapMode.READ_WRITE, 0, 3 * 4096);
        file.truncate(1);
        map.position(4096);
        map.get(new byte[2 * 4096]);
      } catch (InternalError e) {
        caught++;
      } finally {
        Files.delete(path);
      }
    }
    return caught;
  }

  private static int depth(int n) {
    return depth(n + 1) + 1;
  }

  public static void main(String[] words) throws Exception {
    boolean before = words[0].equals("before");
    if (!before) {
      /* First the machine's own handlers work alone. */
      check(nullChecks(200000) == 3125, "null checks alone");
    }
    System.loadLibrary("hosts_jni");
    check(install() == 0, "install");
    check(recover(1000) == 0, "recover");
    check(start() == 0, "start");
    for (int round = 0; round < 10; round++) {
      check(nullChecks(200000) == 3125, "null checks");
      check(internalErrors(10) == 10, "internal errors");
      check(recover(100) == 0, "recover in a Java thread");
      System.gc(); // stops all threads at a page that becomes unreadable
    }
    try {
      depth(0);
      check(false, "the stack has an end");
    } catch (StackOverflowError e) {
      // the guard page of a Java thread also raises SIGSEGV
    }
    check(recover(100) == 0, "recover after a stack overflow");
    long faults = stop();
    check(faults > 0, "faults in other threads: " + faults);
    System.out.println(words[0] + ": 31250 null checks, 100 internal errors, " + faults
        + " faults in other threads");
  }
}
