# Language, warnings, sanitizers and hardening for everything that is ours.

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")

if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE Debug CACHE STRING "" FORCE)
endif()
# Assertions stay in a release: they guard against our own mistakes, and cost little.
set(CMAKE_C_FLAGS_DEBUG "-Og -g")
set(CMAKE_C_FLAGS_RELEASE "-O2 -g")
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g")

# Where link-time optimisation is wanted, objects hold plain code as well, for tests (tests.cmake).
set(cadre_fat_objects OFF)
if(CMAKE_INTERPROCEDURAL_OPTIMIZATION AND CMAKE_C_COMPILER_ID STREQUAL "GNU")
    set(cadre_fat_objects ON)
    set(CMAKE_C_COMPILE_OPTIONS_IPO -flto=auto -ffat-lto-objects)
endif()

if(WIN32)
    # Windows 10 and Server 2016 are the oldest served; wide calls; C99 printf formats.
    add_compile_definitions(_WIN32_WINNT=0x0A00 WINVER=0x0A00 UNICODE _UNICODE
                            WIN32_LEAN_AND_MEAN NOMINMAX __USE_MINGW_ANSI_STDIO=1)
else()
    add_compile_definitions(_GNU_SOURCE)
endif()

add_library(cadre_warnings INTERFACE)
target_compile_options(cadre_warnings INTERFACE
    -Wall -Wextra -Wconversion -Wshadow -Wformat=2 -Wvla -Wmissing-prototypes
    -Wstrict-prototypes -Wundef)
if(MINGW)
    # Its math.h tests a double with a conversion to float, in a branch never taken.
    target_compile_options(cadre_warnings INTERFACE -Wno-float-conversion)
endif()
if(CADRE_WERROR)
    # Optimised, gcc follows paths on which err_set() would return 0, which it never does, and
    # warns of what lies behind them. Unoptimised builds keep these two as errors.
    target_compile_options(cadre_warnings INTERFACE -Werror
        $<$<NOT:$<CONFIG:Debug>>:-Wno-error=maybe-uninitialized;-Wno-error=array-bounds>)
endif()

if(CADRE_SANITIZE)
    add_compile_options(-fsanitize=${CADRE_SANITIZE} -fno-omit-frame-pointer)
    add_link_options(-fsanitize=${CADRE_SANITIZE})
    if(CADRE_SANITIZE MATCHES "undefined")
        add_compile_options(-fno-sanitize-recover=undefined)
        add_link_options(-fno-sanitize-recover=undefined)
    endif()
endif()

if(CADRE_FUZZ)
    if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
        message(FATAL_ERROR "CADRE_FUZZ needs clang: cmake --preset fuzz")
    endif()
    add_compile_options(-fsanitize=fuzzer-no-link)
endif()

if(CADRE_HARDEN)
    # The same sources make the same bytes wherever they lie. Ninja names them from the build
    # folder; of several maps that fit the last one counts.
    file(RELATIVE_PATH cadre_way_up "${CMAKE_BINARY_DIR}" "${CMAKE_SOURCE_DIR}")
    string(REGEX REPLACE "/$" "" cadre_way_up "${cadre_way_up}")
    foreach(map IN ITEMS "${cadre_way_up}=." "${CMAKE_SOURCE_DIR}=." "${CMAKE_BINARY_DIR}=build")
        add_compile_options("-ffile-prefix-map=${map}")
        add_link_options("-ffile-prefix-map=${map}")
    endforeach()
    if(NOT CADRE_DEBUG_INFO)
        add_compile_options(-g0)
        add_link_options(-g0)
    endif()
    add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong)
    if(WIN32)
        # Images that can be moved anywhere, and data that is not run: the defaults of linkers
        # differ. The stack protector wants its library.
        add_link_options(-Wl,--dynamicbase -Wl,--high-entropy-va -Wl,--nxcompat
                         -fstack-protector-strong)
    else()
        add_compile_options(-fstack-clash-protection)
        if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
            add_compile_options(-fcf-protection)
        endif()
        add_compile_options($<$<COMPILE_LANGUAGE:C>:-fPIE>)
        add_link_options($<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:-pie>
                         -Wl,-z,relro -Wl,-z,now)
    endif()
endif()

configure_file("${CMAKE_SOURCE_DIR}/cmake/cadre_version.h.in"
               "${CMAKE_BINARY_DIR}/generated/cadre_version.h" @ONLY)
