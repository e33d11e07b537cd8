# Looks for a library so that its header and its files come from one and the same prefix: a header
# of one version beside a library of another compiles, and then does not link, or worse.
#
# cadre_find(NAME HEADER include/path.h LIBS name... PREFIXES folder...
#            [VERSION_HEADERS include/path.h... VERSION_MACRO MACRO AT_LEAST version BELOW version])
#
# Of the prefixes, in their order, the first that has the header and all libraries is taken. Where a
# version is asked for, one of the headers has to define MACRO as "version", and a prefix with
# another version is passed over. Sets in the caller's scope
#
#   NAME_prefix, NAME_include, NAME_libraries    empty when there is none
#   NAME_refused                                 the versions that were passed over
#
# Nothing is kept in the cache: each configure looks anew, so that what was there first does not
# stay when something better came.

function(cadre_find_version out include macro)
    set(version unknown)
    foreach(header IN LISTS ARGN)
        if(EXISTS "${include}/${header}")
            file(STRINGS "${include}/${header}" line REGEX "define[ \t]+${macro}[ \t]+\"")
            if(line)
                string(REGEX REPLACE ".*\"([^\"]*)\".*" "\\1" version "${line}")
                break()
            endif()
        endif()
    endforeach()
    set(${out} "${version}" PARENT_SCOPE)
endfunction()

function(cadre_find name)
    cmake_parse_arguments(arg "" "HEADER;VERSION_MACRO;AT_LEAST;BELOW"
                          "LIBS;PREFIXES;VERSION_HEADERS" ${ARGN})
    set(${name}_prefix "" PARENT_SCOPE)
    set(${name}_include "" PARENT_SCOPE)
    set(${name}_libraries "" PARENT_SCOPE)
    set(refused "")
    set(here NO_DEFAULT_PATH NO_CMAKE_FIND_ROOT_PATH NO_CACHE)
    foreach(prefix IN LISTS arg_PREFIXES)
        string(REGEX REPLACE "/$" "" prefix "${prefix}")
        set(folders "${prefix}/include")
        set(library_folders "${prefix}/lib" "${prefix}/lib64")
        if(CMAKE_LIBRARY_ARCHITECTURE)
            list(APPEND folders "${prefix}/include/${CMAKE_LIBRARY_ARCHITECTURE}")
            list(PREPEND library_folders "${prefix}/lib/${CMAKE_LIBRARY_ARCHITECTURE}")
        endif()
        unset(include)
        find_path(include "${arg_HEADER}" PATHS ${folders} ${here})
        if(NOT include)
            continue()
        endif()
        if(arg_VERSION_MACRO)
            cadre_find_version(version "${include}" "${arg_VERSION_MACRO}" ${arg_VERSION_HEADERS})
            if(version VERSION_LESS arg_AT_LEAST OR NOT version VERSION_LESS arg_BELOW)
                list(APPEND refused "${version}")
                continue()
            endif()
        endif()
        set(libraries "")
        foreach(lib IN LISTS arg_LIBS)
            unset(library)
            find_library(library NAMES ${lib} PATHS ${library_folders} ${here})
            list(APPEND libraries "${library}")
        endforeach()
        if(libraries MATCHES "NOTFOUND")
            continue()
        endif()
        set(${name}_prefix "${prefix}" PARENT_SCOPE)
        set(${name}_include "${include}" PARENT_SCOPE)
        set(${name}_libraries "${libraries}" PARENT_SCOPE)
        break()
    endforeach()
    set(${name}_refused "${refused}" PARENT_SCOPE)
endfunction()
