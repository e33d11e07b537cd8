# Cross-compiling for 64-bit Windows with Debian's MinGW.
set(CMAKE_SYSTEM_NAME Windows)
set(CMAKE_SYSTEM_PROCESSOR x86_64)

find_program(CADRE_MINGW_CC NAMES x86_64-w64-mingw32-gcc-posix x86_64-w64-mingw32-gcc)
if(NOT CADRE_MINGW_CC)
    message(FATAL_ERROR "MinGW is missing. Run:  sh installer/deps.sh windows")
endif()
set(CMAKE_C_COMPILER "${CADRE_MINGW_CC}")
set(CMAKE_RC_COMPILER x86_64-w64-mingw32-windres)
set(CADRE_MINGW_MC x86_64-w64-mingw32-windmc)

get_filename_component(cadre_root "${CMAKE_CURRENT_LIST_DIR}/.." ABSOLUTE)
if(NOT CADRE_DEPS_DIR)
    if(DEFINED ENV{CADRE_DEPS_DIR})
        set(CADRE_DEPS_DIR "$ENV{CADRE_DEPS_DIR}")
    else()
        set(CADRE_DEPS_DIR "${cadre_root}/build/deps")
    endif()
endif()
set(CMAKE_FIND_ROOT_PATH "${CADRE_DEPS_DIR}/windows" /usr/x86_64-w64-mingw32)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES CADRE_DEPS_DIR)

# One file to carry: no DLL of the compiler's beside the program.
set(CMAKE_EXE_LINKER_FLAGS_INIT "-static")
