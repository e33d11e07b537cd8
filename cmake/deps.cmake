# The libraries we use, one imported target each:
#
#   dep::uv dep::mbedtls dep::cjson dep::sqlite dep::yaml dep::llhttp dep::cmocka dep::curl
#
# On Linux they are the distribution's, but for mbedTLS (where its version is older than 3.6) and
# llhttp. For Windows all of them come from build/deps/windows. installer/deps.sh provides both.

# The environment's CADRE_DEPS_DIR lets several working copies share one.
if(DEFINED ENV{CADRE_DEPS_DIR})
    set(cadre_deps_default "$ENV{CADRE_DEPS_DIR}")
else()
    set(cadre_deps_default "${CMAKE_SOURCE_DIR}/build/deps")
endif()
set(CADRE_DEPS_DIR "${cadre_deps_default}" CACHE PATH "What installer/deps.sh made")

if(WIN32)
    # never an import library of a DLL: the programs are one file each
    set(CMAKE_FIND_LIBRARY_SUFFIXES .a)
    set(cadre_deps_set windows)
    set(cadre_deps_prefix "${CADRE_DEPS_DIR}/windows")
else()
    set(cadre_deps_set linux)
    set(cadre_deps_prefix "${CADRE_DEPS_DIR}/linux")
endif()

function(cadre_dep_missing what)
    message(FATAL_ERROR "${what} is missing. Run:  sh installer/deps.sh ${cadre_deps_set}")
endfunction()

include(find)

# Our own build first, then, where the target is this machine, the system's.
set(cadre_prefixes "${cadre_deps_prefix}" ${CMAKE_PREFIX_PATH})
if(NOT CMAKE_CROSSCOMPILING)
    list(APPEND cadre_prefixes ${CMAKE_SYSTEM_PREFIX_PATH})
endif()

# cadre_dep(NAME HEADER include/path.h LIBS name... [VERSION_...] [SYSTEM_LIBS name...]), as
# cadre_find() has it.
function(cadre_dep name)
    cmake_parse_arguments(arg "" "HEADER;AT_LEAST" "SYSTEM_LIBS" ${ARGN})
    cadre_find(found HEADER "${arg_HEADER}" AT_LEAST "${arg_AT_LEAST}" PREFIXES ${cadre_prefixes}
               ${arg_UNPARSED_ARGUMENTS})
    if(NOT found_prefix)
        if(found_refused)
            cadre_dep_missing("${name} ${arg_AT_LEAST} (found ${found_refused})")
        endif()
        cadre_dep_missing("${name} (${arg_HEADER})")
    endif()
    add_library(dep_${name} INTERFACE)
    add_library(dep::${name} ALIAS dep_${name})
    target_include_directories(dep_${name} SYSTEM INTERFACE "${found_include}")
    target_link_libraries(dep_${name} INTERFACE ${found_libraries} ${arg_SYSTEM_LIBS})
endfunction()

set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)

if(WIN32)
    set(uv_needs ws2_32 iphlpapi psapi userenv dbghelp ole32 uuid)
    set(mbedtls_needs ws2_32 bcrypt Threads::Threads)
else()
    set(uv_needs Threads::Threads ${CMAKE_DL_LIBS} rt)
    set(mbedtls_needs Threads::Threads)
endif()
cadre_dep(uv HEADER uv.h LIBS uv SYSTEM_LIBS ${uv_needs})
cadre_dep(mbedtls HEADER mbedtls/ssl.h LIBS mbedtls mbedx509 mbedcrypto
          VERSION_HEADERS mbedtls/build_info.h mbedtls/version.h
          VERSION_MACRO MBEDTLS_VERSION_STRING AT_LEAST 3.6 BELOW 4 SYSTEM_LIBS ${mbedtls_needs})
cadre_dep(cjson HEADER cjson/cJSON.h LIBS cjson)
cadre_dep(sqlite HEADER sqlite3.h LIBS sqlite3)
cadre_dep(yaml HEADER yaml.h LIBS yaml)
# Of cadre-notify alone, which is not built where it is missing.
cadre_find(curl HEADER curl/curl.h LIBS curl PREFIXES ${cadre_prefixes})
if(curl_prefix)
    add_library(dep_curl INTERFACE)
    add_library(dep::curl ALIAS dep_curl)
    target_include_directories(dep_curl SYSTEM INTERFACE "${curl_include}")
    target_link_libraries(dep_curl INTERFACE ${curl_libraries})
endif()
# Of the coordinator's module for PostgreSQL alone, which is not built where it is missing, and not
# for Windows. Debian has its header in a folder of its own.
if(NOT WIN32)
    cadre_find(pq HEADER postgresql/libpq-fe.h LIBS pq PREFIXES ${cadre_prefixes})
    set(pq_folder "${pq_include}/postgresql")
    if(NOT pq_prefix)
        cadre_find(pq HEADER libpq-fe.h LIBS pq PREFIXES ${cadre_prefixes})
        set(pq_folder "${pq_include}")
    endif()
    if(pq_prefix)
        add_library(dep_pq INTERFACE)
        add_library(dep::pq ALIAS dep_pq)
        target_include_directories(dep_pq SYSTEM INTERFACE "${pq_folder}")
        target_link_libraries(dep_pq INTERFACE ${pq_libraries})
    else()
        message(STATUS "libpq is not there: without cadre-coordinator-postgresql")
    endif()
endif()
if(CADRE_TESTS)
    if(WIN32)
        # The import library of the same build would want a DLL beside every test.
        cadre_dep(cmocka HEADER cmocka.h LIBS cmocka-static)
    else()
        cadre_dep(cmocka HEADER cmocka.h LIBS cmocka)
    endif()
endif()
if(WIN32)
    target_compile_definitions(dep_cjson INTERFACE CJSON_HIDE_SYMBOLS)
    target_compile_definitions(dep_yaml INTERFACE YAML_DECLARE_STATIC)
endif()

# llhttp is generated C, the same for every target.
set(cadre_llhttp "${CADRE_DEPS_DIR}/llhttp")
if(NOT EXISTS "${cadre_llhttp}/llhttp.c")
    cadre_dep_missing("llhttp")
endif()
add_library(dep_llhttp STATIC "${cadre_llhttp}/llhttp.c" "${cadre_llhttp}/api.c"
            "${cadre_llhttp}/http.c")
add_library(dep::llhttp ALIAS dep_llhttp)
target_include_directories(dep_llhttp SYSTEM PUBLIC "${cadre_llhttp}")
target_compile_options(dep_llhttp PRIVATE -w "-ffile-prefix-map=${cadre_llhttp}=llhttp")
# Else it lets through what other readers of the same bytes may see differently.
target_compile_definitions(dep_llhttp PUBLIC LLHTTP_STRICT_MODE=1)
