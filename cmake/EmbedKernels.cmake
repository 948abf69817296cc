# clgrad_embed_kernels(FOLDER OUT): OUT becomes a C file that defines clg_kernel_sources, one entry a
# .cl file of FOLDER and one for prelude.clh.  A C string literal may be short of a whole file, so the
# text is written as an array of bytes.
function(clgrad_embed_kernels folder out)
  file(GLOB files CONFIGURE_DEPENDS ${folder}/*.cl ${folder}/*.clh)
  add_custom_command(OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -DOUT=${out} -DFOLDER=${folder}
            -P ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/EmbedKernelsScript.cmake
    DEPENDS ${files} ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/EmbedKernelsScript.cmake
    COMMENT "Embedding kernels" VERBATIM)
endfunction()
