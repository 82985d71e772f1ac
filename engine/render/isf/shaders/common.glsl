// What ISF declares by itself, in both stages, and its image functions. Textures have row 0 at the top, ISF's positions
// begin at the bottom left: each read turns y over.
ISF_STAGE vec2 isf_FragNormCoord;
uniform int PASSINDEX;
uniform vec2 RENDERSIZE;
uniform float TIME;
uniform float TIMEDELTA;
uniform vec4 DATE;
uniform int FRAMEINDEX;
uniform int isf_budget; // units of work that all guarded loops of one pixel may take together
int isf_spent = 0;

// Before each round of a guarded loop. It stops at the budget, so that no number of rounds can make it wrap.
bool isf_go(int units) {
    isf_spent = min(isf_spent + units, isf_budget);
    return isf_spent < isf_budget;
}

vec2 isf_size(sampler2D image) { return vec2(textureSize(image, 0)); }
vec4 isf_texture(sampler2D image, vec2 position) { return texture(image, vec2(position.x, 1.0 - position.y)); }
vec4 isf_texture(sampler2D image, vec2 position, float bias) { return isf_texture(image, position); }
vec4 isf_textureLod(sampler2D image, vec2 position, float lod) { return textureLod(image, vec2(position.x, 1.0 - position.y), 0.0); }
vec4 isf_textureProj(sampler2D image, vec3 position) { return isf_texture(image, position.xy / position.z); }
vec4 isf_textureProj(sampler2D image, vec4 position) { return isf_texture(image, position.xy / position.w); }
vec4 isf_textureRectProj(sampler2D image, vec3 position) { return isf_texture(image, position.xy / position.z / isf_size(image)); }
vec4 isf_texelFetch(sampler2D image, ivec2 texel, int lod) {
    return texelFetch(image, ivec2(texel.x, textureSize(image, 0).y - 1 - texel.y), 0);
}

vec2 IMG_SIZE(sampler2D image) { return isf_size(image); }
vec4 IMG_NORM_PIXEL(sampler2D image, vec2 position) { return isf_texture(image, position); }
vec4 IMG_PIXEL(sampler2D image, vec2 position) { return isf_texture(image, position / isf_size(image)); }
vec4 IMG_THIS_PIXEL(sampler2D image) { return isf_texture(image, isf_FragNormCoord); }
vec4 IMG_THIS_NORM_PIXEL(sampler2D image) { return isf_texture(image, isf_FragNormCoord); }
