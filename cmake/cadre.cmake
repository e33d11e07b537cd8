# Our own targets. Includes are written from the root ("base/err.h"), and what a folder may include
# is what its include view holds: a directory in the build tree with links to the allowed folders
# and nothing else. An include that crosses the house's rules does not compile.

# cadre_include_view(TARGET SCOPE path...): gives TARGET a view of these folders or files.
function(cadre_include_view target scope)
    set(view "${CMAKE_BINARY_DIR}/include/${target}")
    file(REMOVE_RECURSE "${view}")
    foreach(path IN LISTS ARGN)
        get_filename_component(parent "${view}/${path}" DIRECTORY)
        file(MAKE_DIRECTORY "${parent}")
        file(CREATE_LINK "${CMAKE_SOURCE_DIR}/${path}" "${view}/${path}" SYMBOLIC)
    endforeach()
    target_include_directories(${target} ${scope} "${view}" "${CMAKE_BINARY_DIR}/generated")
endfunction()

# Sources that exist; the others are named, so that a list may run ahead of the files.
function(cadre_existing out)
    set(found "")
    foreach(source IN LISTS ARGN)
        if(EXISTS "${CMAKE_CURRENT_SOURCE_DIR}/${source}")
            list(APPEND found "${source}")
        else()
            message(WARNING "${CMAKE_CURRENT_SOURCE_DIR}/${source} is listed but not there")
        endif()
    endforeach()
    set(${out} "${found}" PARENT_SCOPE)
endfunction()

# cadre_library(NAME SOURCES file... MAY_INCLUDE path... LIBS our-library... DEPS dep::...)
# Third-party libraries stay private: a user of NAME does not get to see their headers.
function(cadre_library name)
    cmake_parse_arguments(arg "" "" "SOURCES;MAY_INCLUDE;LIBS;DEPS" ${ARGN})
    cadre_existing(sources ${arg_SOURCES})
    if(NOT sources)
        add_library(${name} INTERFACE)
        target_link_libraries(${name} INTERFACE ${arg_LIBS} ${arg_DEPS})
        return()
    endif()
    add_library(${name} STATIC ${sources})
    cadre_include_view(${name} PRIVATE ${arg_MAY_INCLUDE})
    target_link_libraries(${name} PUBLIC ${arg_LIBS} PRIVATE ${arg_DEPS} cadre_warnings)
endfunction()

# cadre_resources(NAME DESCRIPTION): version, manifest and message table of a program for Windows.
function(cadre_resources cadre_program_name cadre_description)
    set(here "${CMAKE_SOURCE_DIR}/platform/windows/resources")
    set(there "${CMAKE_BINARY_DIR}/generated/resources")
    if(NOT TARGET cadre_events)
        add_custom_command(
            OUTPUT "${there}/events.rc"
            COMMAND ${CADRE_MINGW_MC} -h "${there}" -r "${there}" "${here}/events.mc"
            DEPENDS "${here}/events.mc" VERBATIM)
        add_custom_target(cadre_events DEPENDS "${there}/events.rc")
        file(MAKE_DIRECTORY "${there}")
    endif()
    configure_file("${here}/program.rc.in" "${there}/${cadre_program_name}.rc" @ONLY)
    set_source_files_properties("${there}/${cadre_program_name}.rc" PROPERTIES
        OBJECT_DEPENDS "${there}/events.rc;${here}/program.manifest"
        INCLUDE_DIRECTORIES "${there}")
    target_sources(${cadre_program_name} PRIVATE "${there}/${cadre_program_name}.rc")
    add_dependencies(${cadre_program_name} cadre_events)
endfunction()

# cadre_program(NAME DESCRIPTION text SOURCES main.c MAY_INCLUDE path... LIBS our-library...
#               DEPS dep::...)
function(cadre_program name)
    cmake_parse_arguments(arg "" "DESCRIPTION" "SOURCES;MAY_INCLUDE;LIBS;DEPS" ${ARGN})
    cadre_existing(sources ${arg_SOURCES})
    if(NOT sources)
        return()
    endif()
    add_executable(${name} ${sources})
    cadre_include_view(${name} PRIVATE ${arg_MAY_INCLUDE})
    target_link_libraries(${name} PRIVATE ${arg_LIBS} ${arg_DEPS} cadre_warnings)
    if(WIN32)
        cadre_resources(${name} "${arg_DESCRIPTION}")
    endif()
endfunction()
