// The end of an effect mixes its result with the picture beneath it, so that no further pass is needed.
const int ISF_RAW = 0; // into a target of the shader
const int ISF_OVER = 1; // a generator, over the picture
const int ISF_EFFECT = 2; // an effect, in place of the picture
const int ISF_FLOAT = 4; // into a target of the shader in floats
const int ISF_COUNT = 3; // work of the guarded loops, as a share of the budget
uniform int isf_finish;
uniform float isf_mix;
uniform bool isf_is_opaque; // the shader's own alpha counts as 1
uniform bool isf_is_luma; // alpha: 1, or the largest of red, green and blue
uniform sampler2D isf_beneath; // in the size of the target
out vec4 isf_FragColor;

#define isf_FragCoord vec4(gl_FragCoord.x, RENDERSIZE.y - gl_FragCoord.y, gl_FragCoord.zw)
#define isf_dFdy(x) (-dFdy(x))
