
#line 1 2
// Behind a vertex shader: row 0 of a target is its top.
uniform bool isf_is_points; // this pass draws points, each a run of the author's text
void main() {
    gl_PointSize = 1.0;
    isf_vertShaderInit();
    isf_main();
    gl_Position.y = -gl_Position.y;
    gl_PointSize = isf_is_points ? clamp(gl_PointSize, 1.0, 64.0) : 1.0;
}
