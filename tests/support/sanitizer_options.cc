// The options that the sanitizers' runtimes ask every program for; built into all of them by BERTH_SANITIZE, and only
// then. They are built in, not set in the environment, because workers get no environment but what the daemon chose.
// Reports go into files, which outlive the folder of a test and its daemon: `scripts/dev asan` and `tsan` fail when
// there is one, whatever the tests say.

#ifndef BERTH_SANITIZER_REPORTS
#error "BERTH_SANITIZER_REPORTS is the path that each report's name begins with"
#endif

#define BERTH_COMMON_OPTIONS \
  "log_path=" BERTH_SANITIZER_REPORTS ":external_symbolizer_path=" BERTH_ADDR2LINE ":print_stacktrace=1"

extern "C" {

const char* __asan_default_options() {
  return BERTH_COMMON_OPTIONS
      ":detect_leaks=1"
      ":detect_stack_use_after_return=1"
      ":strict_string_checks=1"
      ":check_initialization_order=1";
}

const char* __ubsan_default_options() { return BERTH_COMMON_OPTIONS; }

const char* __tsan_default_options() {
  return BERTH_COMMON_OPTIONS
      ":die_after_fork=0"  // the spawner forks while io threads run; its child makes system calls only, until execve()
      ":detect_deadlocks=1"
      ":second_deadlock_stack=1";
}

}  // extern "C"
