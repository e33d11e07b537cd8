# What 'cmake --install BUILD [--prefix DIR] [--component NAME]' puts where. DESTDIR is honoured.
#
#   bin/                                    the programs
#   lib/cadre/                              what the coordinator loads for PostgreSQL
#   lib/systemd/system/                     their units
#   lib/sysusers.d/, lib/tmpfiles.d/        their accounts, folders and first configuration
#   share/man/, share/bash-completion/      made from what the programs say of themselves
#   share/doc/cadre/                        licence, documents, examples, sample configuration
#
# The components are cli, agent, coordinator, postgresql, notify and doc. For Windows only the
# programs are installed: installer/msi makes the package.

include(GNUInstallDirs)

# A debug build is started from its own folder, and every change would make the pages anew.
set(cadre_pages_default ON)
if(WIN32 OR CMAKE_CROSSCOMPILING OR CADRE_SANITIZE OR CMAKE_BUILD_TYPE STREQUAL "Debug")
    set(cadre_pages_default OFF)
endif()
option(CADRE_PAGES "Make manual pages and shell completion" ${cadre_pages_default})

# cadre_install_pages(COMPONENT PROGRAM SECTION [SAMPLE])
function(cadre_install_pages component program section)
    set(pages "${CMAKE_BINARY_DIR}/pages")
    set(scripts "${CMAKE_SOURCE_DIR}/installer/debian")
    set(manual "${pages}/${program}.${section}")
    set(completion "${pages}/${program}.bash")
    add_custom_command(
        OUTPUT "${manual}" "${completion}"
        COMMAND "${CMAKE_COMMAND}" -E make_directory "${pages}"
        COMMAND sh "${scripts}/man.sh" "$<TARGET_FILE:${program}>" ${section} ${cadre_version}
                ${ARGN} >"${manual}"
        COMMAND sh "${scripts}/completion.sh" "$<TARGET_FILE:${program}>" >"${completion}"
        DEPENDS ${program} "${scripts}/man.sh" "${scripts}/completion.sh"
                "${scripts}/man/${program}.roff" ${ARGN}
        COMMENT "Manual page and completion of ${program}")
    add_custom_target(pages_${program} ALL DEPENDS "${manual}" "${completion}")
    install(FILES "${manual}" DESTINATION "${CMAKE_INSTALL_MANDIR}/man${section}"
            COMPONENT ${component})
    install(FILES "${completion}" RENAME ${program} COMPONENT ${component}
            DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions")
endfunction()

# Units and what belongs to them name the prefix, which is known when they are installed.
function(cadre_install_service component program)
    set(script "${CMAKE_BINARY_DIR}/generated/install_${program}.cmake")
    configure_file("${CMAKE_SOURCE_DIR}/cmake/install_service.cmake.in" "${script}" @ONLY)
    install(SCRIPT "${script}" COMPONENT ${component})
endfunction()

install(TARGETS cadre RUNTIME COMPONENT cli)
install(TARGETS cadre-agent RUNTIME COMPONENT agent)
install(TARGETS cadre-coordinator RUNTIME COMPONENT coordinator)
if(TARGET cadre-notify)
    install(TARGETS cadre-notify RUNTIME COMPONENT notify)
endif()
if(WIN32)
    return()
endif()
# The coordinator looks for it beside itself and in ../lib/cadre, not in Debian's folders by
# architecture.
if(TARGET cadre-coordinator-postgresql)
    install(TARGETS cadre-coordinator-postgresql LIBRARY DESTINATION lib/cadre
            COMPONENT postgresql)
endif()

set(cadre_doc "${CMAKE_INSTALL_DATADIR}/doc/cadre")
install(FILES LICENSE README.md installer/debian/copyright COMPONENT doc
        DESTINATION "${cadre_doc}")
install(DIRECTORY docs examples COMPONENT doc DESTINATION "${cadre_doc}")
install(FILES installer/agent.yaml COMPONENT agent DESTINATION "${cadre_doc}")
install(FILES installer/coordinator.yaml COMPONENT coordinator DESTINATION "${cadre_doc}")
cadre_install_service(agent cadre-agent)
cadre_install_service(coordinator cadre-coordinator)
if(CADRE_PAGES)
    cadre_install_pages(cli cadre 1)
    cadre_install_pages(agent cadre-agent 8 "${CMAKE_SOURCE_DIR}/installer/agent.yaml")
    cadre_install_pages(coordinator cadre-coordinator 8
                        "${CMAKE_SOURCE_DIR}/installer/coordinator.yaml")
    if(TARGET cadre-notify)
        cadre_install_pages(notify cadre-notify 8)
    endif()
endif()
