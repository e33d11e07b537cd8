# Test programs. They may include everything. Each kind is kept in a list that tests/run.sh reads
# (build/PRESET/tests/KIND.list, one "NAME PATH" per line).

add_library(cadre_test_unbuffered OBJECT "${CMAKE_SOURCE_DIR}/tests/support/unbuffered.c")

function(cadre_test_program kind target source)
    cmake_parse_arguments(arg "" "" "LIBS;DEPS;SOURCES" ${ARGN})
    cadre_existing(found ${source})
    if(NOT found)
        return() # named by a warning here, and by the lint ring
    endif()
    add_executable(${target} ${source} ${arg_SOURCES} $<TARGET_OBJECTS:cadre_test_unbuffered>)
    target_include_directories(${target} PRIVATE "${CMAKE_SOURCE_DIR}"
                               "${CMAKE_BINARY_DIR}/generated")
    target_compile_definitions(${target} PRIVATE
        CADRE_SOURCE_DIR="${CMAKE_SOURCE_DIR}" CADRE_BIN_DIR="${CMAKE_BINARY_DIR}/bin")
    target_link_libraries(${target} PRIVATE ${arg_LIBS} ${arg_DEPS} cadre_warnings)
    # Tests take the plain code of our objects, benches what is optimised at the link, as programs
    # do. Optimised so, a program is whole before the linker looks at it: it does not find the
    # __wrap_ functions of a test that replaces some with --wrap, and each of some 300 tests takes
    # seconds.
    if(NOT kind STREQUAL "bench" AND cadre_fat_objects)
        set_target_properties(${target} PROPERTIES INTERPROCEDURAL_OPTIMIZATION OFF)
        target_link_options(${target} PRIVATE -fno-lto)
    endif()
    set_target_properties(${target} PROPERTIES
        RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests/${kind}")
    set_property(GLOBAL APPEND PROPERTY cadre_${kind}_tests ${target})
    if(NOT TARGET cadre_${kind}_tests)
        add_custom_target(cadre_${kind}_tests)
    endif()
    add_dependencies(cadre_${kind}_tests ${target})
endfunction()

# cadre_unit_test(NAME LIBS our-library... [DEPS dep::...] [SOURCES extra.c...])
# Builds NAME.c of the current folder into a cmocka program FOLDER_NAME.
function(cadre_unit_test name)
    get_filename_component(folder "${CMAKE_CURRENT_SOURCE_DIR}" NAME)
    set(target "unit_${folder}_${name}")
    cadre_test_program(unit ${target} ${name}.c ${ARGN})
    if(NOT TARGET ${target})
        return()
    endif()
    target_link_libraries(${target} PRIVATE dep::cmocka)
    add_test(NAME unit/${folder}/${name} COMMAND ${target})
    set_tests_properties(unit/${folder}/${name} PROPERTIES LABELS unit TIMEOUT 120)
endfunction()

# cadre_unit_test_again(NAME SUFFIX VARIABLE=VALUE): runs the program of a unit test once more, with
# this in its environment.
function(cadre_unit_test_again name suffix variable)
    get_filename_component(folder "${CMAKE_CURRENT_SOURCE_DIR}" NAME)
    set(target "unit_${folder}_${name}")
    if(NOT TARGET ${target})
        return()
    endif()
    add_test(NAME unit/${folder}/${name}_${suffix} COMMAND ${target})
    set_tests_properties(unit/${folder}/${name}_${suffix} PROPERTIES
        LABELS unit TIMEOUT 120 ENVIRONMENT "${variable}")
    set_property(GLOBAL APPEND_STRING PROPERTY cadre_unit_again
        "${target}_${suffix} env ${variable} $<TARGET_FILE:${target}>\n")
endfunction()

# cadre_sim_test(NAME ...): a cmocka program in tests/sim: many simulated actors over long times.
function(cadre_sim_test name)
    set(target "sim_${name}")
    cadre_test_program(sim ${target} ${name}.c ${ARGN})
    if(NOT TARGET ${target})
        return()
    endif()
    target_link_libraries(${target} PRIVATE dep::cmocka)
    add_test(NAME sim/${name} COMMAND ${target})
    set_tests_properties(sim/${name} PROPERTIES LABELS sim TIMEOUT 600)
endfunction()

# cadre_system_test(NAME ...): a program in tests/system that drives the real programs (cmocka, or
# lines as tests/README.md has them). With TSAN it runs in the tsan ring, too.
function(cadre_system_test name)
    cmake_parse_arguments(system "TSAN" "" "" ${ARGN})
    set(target "system_${name}")
    cadre_test_program(system ${target} ${name}.c ${system_UNPARSED_ARGUMENTS})
    if(NOT TARGET ${target})
        return()
    endif()
    if(system_TSAN)
        set_property(GLOBAL APPEND PROPERTY cadre_system_tsan_tests ${target})
    endif()
    target_link_libraries(${target} PRIVATE dep::cmocka)
    add_test(NAME system/${name} COMMAND ${target})
    set_tests_properties(system/${name} PROPERTIES LABELS system TIMEOUT 600)
endfunction()

# cadre_fuzz_target(NAME ...): NAME.c has LLVMFuzzerTestOneInput. With CADRE_FUZZ it is libFuzzer
# that feeds it; else our own driver, which replays a corpus and mutates it from a seed.
function(cadre_fuzz_target name)
    set(target "fuzz_${name}")
    if(CADRE_FUZZ)
        cadre_test_program(fuzz ${target} ${name}.c ${ARGN})
        if(TARGET ${target})
            target_link_options(${target} PRIVATE -fsanitize=fuzzer)
        endif()
    else()
        cadre_test_program(fuzz ${target} ${name}.c ${ARGN} SOURCES
                           "${CMAKE_SOURCE_DIR}/tests/fuzz/driver.c")
    endif()
endfunction()

# cadre_bench(NAME ...): a load driver or measurement in tests/bench; built, run by hand.
function(cadre_bench name)
    cadre_test_program(bench bench_${name} ${name}.c ${ARGN})
endfunction()

# cadre_test_helper(NAME ...): tests/support/NAME.c, a program that tests start; no test by itself.
# Scripts find it as $CADRE_BUILD/tests/support/NAME.
function(cadre_test_helper name)
    cadre_test_program(support ${name} support/${name}.c ${ARGN})
endfunction()

function(cadre_write_test_lists)
    foreach(kind IN ITEMS unit sim system system_tsan fuzz bench)
        if(NOT TARGET cadre_${kind}_tests)
            add_custom_target(cadre_${kind}_tests)
        endif()
        get_property(targets GLOBAL PROPERTY cadre_${kind}_tests)
        set(lines "")
        foreach(target IN LISTS targets)
            string(APPEND lines "${target} $<TARGET_FILE:${target}>\n")
        endforeach()
        get_property(again GLOBAL PROPERTY cadre_${kind}_again)
        string(APPEND lines "${again}")
        file(GENERATE OUTPUT "${CMAKE_BINARY_DIR}/tests/${kind}.list" CONTENT "${lines}")
    endforeach()
endfunction()
