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

// The last four seconds of the source: cells of one texture, thirty a second, the newest one in isf_history.x (counted
// from the first), the oldest in isf_history.y. All cells are black before that.
uniform vec2 isf_history;
const vec2 ISF_CELLS = vec2(8.0, 15.0);
const float ISF_CELLS_PER_S = 30.0;
vec4 isf_cell(sampler2D image, vec2 position, float number) {
    float index = mod(number, ISF_CELLS.x * ISF_CELLS.y);
    vec2 cell = vec2(mod(index, ISF_CELLS.x), floor(index / ISF_CELLS.x)), size = isf_size(image) / ISF_CELLS;
    vec2 inside = clamp(vec2(position.x, 1.0 - position.y) * size, vec2(0.5), size - 0.5);
    return texture(image, (cell * size + inside) / isf_size(image));
}
vec4 IMG_HISTORY(sampler2D image, vec2 position, float seconds_ago) {
    float number = clamp(isf_history.x - max(seconds_ago, 0.0) * ISF_CELLS_PER_S, isf_history.y, isf_history.x);
    float older = floor(number);
    vec4 first = isf_cell(image, position, older), second = isf_cell(image, position, min(older + 1.0, isf_history.x));
    return mix(first, second, number - older);
}
