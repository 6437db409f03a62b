# Writes a C file with the page's template and its style and code as strings:
# cmake -DOUT=FILE -DHTML=FILE -DCSS=FILE -DJS=FILES.. -P embed.cmake
function(literal name files)
  set(text "")
  foreach(file ${files})
    file(READ ${file} hex HEX)
    string(APPEND text "${hex}")
  endforeach()
  string(REGEX REPLACE "(................................................................)" "\\1\n" text "${text}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," text "${text}")
  string(REGEX REPLACE "(0x[89a-f].)" "(char)\\1" text "${text}")
  file(APPEND ${OUT} "const char ${name}[] = {\n${text}0x00};\n")
endfunction()

file(WRITE ${OUT} "#include \"tools/report/page.h\"\n")
literal(report_html "${HTML}")
literal(report_css "${CSS}")
literal(report_js "${JS}")
