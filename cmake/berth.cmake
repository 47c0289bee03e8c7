# The three kinds of target the project has: libraries (one per folder), programs, tests.

set(BERTH_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual)
# g++ 12 takes "literal" + std::string for an overlapping copy (GCC bug 105651).
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  list(APPEND BERTH_WARNINGS -Wno-restrict)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL Clang)
  list(APPEND BERTH_WARNINGS -Wextra-semi -Wimplicit-fallthrough -Wunreachable-code-aggressive -Wcomma
    -Wshorten-64-to-32 -Wdeprecated-copy-dtor)
  # libstdc++ 12's std::stable_sort uses std::get_temporary_buffer; what we call that is deprecated, g++ tells.
  list(APPEND BERTH_WARNINGS -Wno-deprecated-declarations)
endif()
if(BERTH_WERROR)
  list(APPEND BERTH_WARNINGS -Werror)
endif()
set(BERTH_FLAGS ${BERTH_WARNINGS} -fno-omit-frame-pointer)
if(BERTH_SANITIZE)
  # What a sanitizer finds ends the program: a test that goes on would hide it.
  list(APPEND BERTH_FLAGS -fsanitize=${BERTH_SANITIZE} -fno-sanitize-recover=all -g1)
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    # False positives in Beast and in asio's coroutine frames, whose new is inlined and whose delete is not; with
    # sanitizers only.
    list(APPEND BERTH_FLAGS -Wno-maybe-uninitialized -Wno-mismatched-new-delete)
  endif()
  add_link_options(-fsanitize=${BERTH_SANITIZE})
  add_compile_definitions(BERTH_SANITIZED _GLIBCXX_ASSERTIONS)
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/reports)
  add_library(berth_sanitizer_options OBJECT ${PROJECT_SOURCE_DIR}/tests/support/sanitizer_options.cc)
  find_program(BERTH_ADDR2LINE addr2line REQUIRED)  # comes with every compiler; clang's own symbolizer does not
  target_compile_definitions(berth_sanitizer_options PRIVATE BERTH_ADDR2LINE="${BERTH_ADDR2LINE}"
    BERTH_SANITIZER_REPORTS="${CMAKE_BINARY_DIR}/reports/report")
  set(BERTH_PROGRAM_PARTS $<TARGET_OBJECTS:berth_sanitizer_options>)
  set(BERTH_TEST_SLOWDOWN 5 CACHE STRING "How much longer tests may take, and how much less of a load they make")
else()
  set(BERTH_TEST_SLOWDOWN 1 CACHE STRING "How much longer tests may take, and how much less of a load they make")
endif()

# berth_library(NAME DIR folder LINKS targets...): every .cc of the folder as static library berth_NAME.
function(berth_library NAME)
  cmake_parse_arguments(ARG "" "DIR" "LINKS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${ARG_DIR}/*.cc)
  if(sources)
    add_library(berth_${NAME} STATIC ${sources})
    set(scope PUBLIC)
    target_compile_options(berth_${NAME} PRIVATE ${BERTH_FLAGS})
  else()
    add_library(berth_${NAME} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(berth_${NAME} ${scope} ${PROJECT_SOURCE_DIR})
  target_link_libraries(berth_${NAME} ${scope} ${ARG_LINKS})
  target_compile_definitions(berth_${NAME} ${scope} BERTH_VERSION="${PROJECT_VERSION}" BOOST_ASIO_NO_DEPRECATED
    BOOST_ASIO_DISABLE_BOOST_REGEX)
endfunction()

# berth_kernel_flags(folder): what the compiler is told about the folder's isa_*.cc. Products and sums stay apart but where
# the source says otherwise, since results may not depend on how a loop was compiled.
function(berth_kernel_flags DIR)
  set(avx2 -mavx2 -mfma)
  set(avx512 ${avx2} -mavx512f -mavx512bw -mavx512dq -mavx512vl)
  # g++ 12 takes the undefined registers of its own intrinsics for uses of them (GCC bug 105593).
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    list(APPEND avx512 -Wno-uninitialized -Wno-maybe-uninitialized)
  endif()
  foreach(isa generic avx2 avx512)
    set(flags -ffp-contract=off)
    if(CMAKE_SYSTEM_PROCESSOR STREQUAL x86_64 AND NOT isa STREQUAL generic)
      list(APPEND flags ${${isa}})
    endif()
    set_source_files_properties(${PROJECT_SOURCE_DIR}/${DIR}/isa_${isa}.cc PROPERTIES COMPILE_OPTIONS "${flags}")
  endforeach()
endfunction()

# berth_torch_library(NAME DIRS folders... LINKS targets...): the folders that include torch, behind one
# precompiled header (libtorch's headers cost seconds per file).
function(berth_torch_library NAME)
  cmake_parse_arguments(ARG "" "" "DIRS;LINKS" ${ARGN})
  set(sources "")
  foreach(dir ${ARG_DIRS})
    file(GLOB found CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${dir}/*.cc)
    list(APPEND sources ${found})
  endforeach()
  add_library(berth_${NAME} STATIC ${sources})
  target_compile_options(berth_${NAME} PRIVATE ${BERTH_FLAGS})
  target_include_directories(berth_${NAME} PUBLIC ${PROJECT_SOURCE_DIR})
  target_include_directories(berth_${NAME} SYSTEM PUBLIC ${TORCH_INCLUDE_DIRS})
  target_precompile_headers(berth_${NAME} PRIVATE <ATen/ATen.h>)
  target_link_libraries(berth_${NAME} PUBLIC ${ARG_LINKS} ${TORCH_LIBRARIES})
endfunction()

# berth_program(NAME main.cc LINKS targets...)
function(berth_program NAME MAIN)
  cmake_parse_arguments(ARG "" "" "LINKS" ${ARGN})
  if(NOT EXISTS ${PROJECT_SOURCE_DIR}/${MAIN})
    return()
  endif()
  add_executable(${NAME} ${PROJECT_SOURCE_DIR}/${MAIN} ${BERTH_PROGRAM_PARTS})
  target_compile_options(${NAME} PRIVATE ${BERTH_FLAGS})
  target_link_libraries(${NAME} PRIVATE ${ARG_LINKS})
endfunction()

# berth_test(NAME DIR folder LINKS targets...): every *_test.cc of tests/DIR as one GoogleTest program.
function(berth_test NAME)
  cmake_parse_arguments(ARG "" "DIR" "LINKS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/${ARG_DIR}/*.cc)
  if(NOT sources)
    return()
  endif()
  add_executable(test_${NAME} ${sources} ${BERTH_PROGRAM_PARTS})
  target_compile_options(test_${NAME} PRIVATE ${BERTH_FLAGS})
  target_link_libraries(test_${NAME} PRIVATE ${ARG_LINKS} GTest::gmock_main)
  add_test(NAME ${NAME} COMMAND test_${NAME})
  math(EXPR timeout "300 * ${BERTH_TEST_SLOWDOWN}")
  set_tests_properties(${NAME} PROPERTIES TIMEOUT ${timeout} LABELS unit
    ENVIRONMENT "BERTH_SOURCE_DIR=${PROJECT_SOURCE_DIR};BERTH_FAKE_WORKER=${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/fake-worker")
endfunction()
