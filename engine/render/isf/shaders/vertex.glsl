// The corner of this vertex, 0..1 from the bottom left.
#define isf_Vertex01 vec4(vec2(gl_VertexID & 1, gl_VertexID >> 1), 0.0, 1.0)
#define isf_Vertex vec4(isf_Vertex01.xy * RENDERSIZE, 0.0, 1.0)

vec4 isf_ftransform() { return vec4(isf_Vertex01.xy * 2.0 - 1.0, 0.0, 1.0); }

void isf_vertShaderInit() {
    gl_Position = isf_ftransform();
    isf_FragNormCoord = isf_Vertex01.xy;
}
