# The page that the coordinator serves: built from web/, and put into the program as it is.
#
#   CADRE_PAGE=AUTO   the page; where node or its packages cannot be had, a plain page that says so
#              ON     the page, or no build: what packages are made of
#              OFF    the plain page
#
# The packages are installed here, once for each lock file, for all builds of one CADRE_DEPS_DIR.

set(CADRE_PAGE AUTO CACHE STRING "Build the page into the coordinator: AUTO, ON or OFF")
set_property(CACHE CADRE_PAGE PROPERTY STRINGS AUTO ON OFF)

set(cadre_web "${CMAKE_SOURCE_DIR}/web")
set(cadre_page_folder "${CMAKE_BINARY_DIR}/web")
set(cadre_page_env "${CMAKE_COMMAND}" -E env "CADRE_DEPS_DIR=${CADRE_DEPS_DIR}")
set(cadre_page_plain --plain)
set(cadre_page_sources "${cadre_web}/plain.html")

if(CADRE_PAGE STREQUAL "AUTO" OR CADRE_PAGE)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
                 "${cadre_web}/package.json" "${cadre_web}/package-lock.json")
    execute_process(COMMAND ${cadre_page_env} sh "${cadre_web}/modules.sh"
                    RESULT_VARIABLE cadre_page_rc OUTPUT_QUIET ERROR_VARIABLE cadre_page_error)
    if(cadre_page_rc EQUAL 0)
        set(cadre_page_plain "")
        file(GLOB_RECURSE cadre_page_sources CONFIGURE_DEPENDS "${cadre_web}/src/*")
        list(APPEND cadre_page_sources "${cadre_web}/package.json"
             "${cadre_web}/package-lock.json" "${cadre_web}/modules.sh")
    elseif(CADRE_PAGE STREQUAL "AUTO")
        message(WARNING "The coordinator is built WITHOUT ITS PAGE; a plain page says so to its "
                        "users.\n${cadre_page_error}"
                        "With -DCADRE_PAGE=OFF this is not said; with ON it is an error.")
    else()
        message(FATAL_ERROR "The page cannot be built, and CADRE_PAGE is ${CADRE_PAGE}.\n"
                            "${cadre_page_error}")
    endif()
endif()

set(cadre_page_files "")
foreach(file IN ITEMS index.html app.js app.css)
    list(APPEND cadre_page_files "${cadre_page_folder}/${file}" "${cadre_page_folder}/${file}.gz")
endforeach()
# cadre_page_bytes(NAME FILE): a library of the file that names the parts of the page by .incbin.
function(cadre_page_bytes name file)
    add_custom_command(
        OUTPUT ${cadre_page_files}
        COMMAND ${cadre_page_env} sh "${cadre_web}/build.sh" ${cadre_page_plain}
                "${cadre_page_folder}"
        DEPENDS "${cadre_web}/build.sh" ${cadre_page_sources}
        COMMENT "The page" VERBATIM)
    set_source_files_properties("${file}" PROPERTIES
        INCLUDE_DIRECTORIES "${cadre_page_folder}" OBJECT_DEPENDS "${cadre_page_files}")
    add_library(${name} STATIC "${file}")
    set_target_properties(${name} PROPERTIES LINKER_LANGUAGE C)
endfunction()
