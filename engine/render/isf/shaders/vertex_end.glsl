
#line 1 2
// Behind a vertex shader: row 0 of a target is its top.
void main() {
    isf_vertShaderInit();
    isf_main();
    gl_Position.y = -gl_Position.y;
}
