# usher_pytest(KIND): each test_*.py of the folder as the test KIND/<name>, with this build's programs.
# SINGLE names those that are for one build alone: they measure, or need what other builds have not.
# LONG names those that ./test quick leaves out. ALONE names those that hold a promise of so many
# seconds: nothing else of ours runs beside them. LONGER names those that may take long where the machine does much else.
function(usher_pytest kind)
  cmake_parse_arguments(ARG "" "" "SINGLE;LONG;ALONE;LONGER" ${ARGN})
  if(NOT (TARGET usherd AND TARGET usher-bridge AND TARGET usher))
    return()
  endif()
  file(GLOB files CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/test_*.py)
  foreach(file IN LISTS files)
    get_filename_component(name ${file} NAME_WE)
    string(REGEX REPLACE "^test_" "" short ${name})
    set(labels ${kind})
    if(short IN_LIST ARG_SINGLE)
      list(APPEND labels single)
    endif()
    if(short IN_LIST ARG_LONG)
      list(APPEND labels long)
    endif()
    add_test(NAME ${kind}/${short}
      COMMAND ${CMAKE_SOURCE_DIR}/tests/lib/python -B -m pytest -c ${CMAKE_SOURCE_DIR}/tests/pytest.ini ${file}
      WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
    set_tests_properties(${kind}/${short} PROPERTIES LABELS "${labels}" TIMEOUT 600
      ENVIRONMENT
      "USHER_BINARY_DIR=${CMAKE_BINARY_DIR};USHER_SANITIZE=${USHER_SANITIZE};PYTHONDONTWRITEBYTECODE=1")
    if(short IN_LIST ARG_LONGER)
      set_tests_properties(${kind}/${short} PROPERTIES TIMEOUT 1200)
    endif()
    if(short IN_LIST ARG_ALONE)
      set_tests_properties(${kind}/${short} PROPERTIES RUN_SERIAL ON)
    endif()
  endforeach()
endfunction()
