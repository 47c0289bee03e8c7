# `cmake --install` puts the programs, completions, documents and examples under the prefix. `cpack -G DEB` adds
# what belongs to the whole machine, with absolute paths: the plan in /etc/berth, the service and its user.

include(GNUInstallDirs)
set(BERTH_PACKAGE_FILES ${PROJECT_SOURCE_DIR}/config/package)

# --- component "programs" ---

install(TARGETS berthd berth RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT programs)
if(BERTH_WORKER)
  # berthd looks there (supervisor/admin/preparation.cc). A libtorch outside the system's folders is found again.
  set_target_properties(berth-worker PROPERTIES INSTALL_RPATH_USE_LINK_PATH ON)
  install(TARGETS berth-worker RUNTIME DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/berth COMPONENT programs)
endif()

install(FILES config/completion/berth.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions
  RENAME berth COMPONENT programs)
install(FILES config/completion/berthd.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions
  RENAME berthd COMPONENT programs)
# Debian's zsh looks for a package's completions in vendor-completions, for others' in site-functions.
install(FILES config/completion/_berth config/completion/_berthd
  DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions COMPONENT programs)

install(FILES README.md CHANGELOG.md LICENSE config/reference.md DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT programs)
# Not below doc: a machine may leave that folder out, and the plan of the package serves the quickstart's model.
install(DIRECTORY examples/ DESTINATION ${CMAKE_INSTALL_DATADIR}/berth/examples COMPONENT programs)
install(FILES config/full.yaml config/schema.json DESTINATION ${CMAKE_INSTALL_DATADIR}/berth/examples
  COMPONENT programs)

# --- component "service", of the package alone ---

install(FILES ${BERTH_PACKAGE_FILES}/berth.yaml DESTINATION /etc/berth COMPONENT service EXCLUDE_FROM_ALL)
install(FILES config/berth.service DESTINATION /usr/lib/systemd/system COMPONENT service EXCLUDE_FROM_ALL)
install(FILES ${BERTH_PACKAGE_FILES}/sysusers.conf DESTINATION /usr/lib/sysusers.d RENAME berth.conf
  COMPONENT service EXCLUDE_FROM_ALL)
install(FILES ${BERTH_PACKAGE_FILES}/copyright DESTINATION /usr/share/doc/berth COMPONENT service EXCLUDE_FROM_ALL)

# --- the package ---

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME berth)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "The Berth authors <berth@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "serve the models of a deployment plan, each in workers of its own")
set(CPACK_PACKAGE_DESCRIPTION
  "berthd reads a YAML plan, starts one isolated worker process for each
replica of each model, and proxies OpenAI-compatible requests to them.
berth shows and operates what runs.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_COMPONENTS_ALL programs service)
set(CPACK_COMPONENTS_GROUPING ALL_COMPONENTS_IN_ONE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_NAME berth)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "systemd | systemd-standalone-sysusers | systemd-sysusers")
if(BERTH_WORKER)
  # Any BLAS satisfies libtorch's dependency; the reference one is many times slower.
  set(CPACK_DEBIAN_PACKAGE_RECOMMENDS libopenblas0-pthread)
endif()
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
file(WRITE ${PROJECT_BINARY_DIR}/package/conffiles "/etc/berth/berth.yaml\n")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${PROJECT_BINARY_DIR}/package/conffiles ${BERTH_PACKAGE_FILES}/postinst
  ${BERTH_PACKAGE_FILES}/prerm ${BERTH_PACKAGE_FILES}/postrm)
include(CPack)
