// The Multiverse picture in one pass: mirror, four layers, layer 5, brightness, tone, feedback. Drawn twice: deep, for trails,
// effects and recordings, and as it is published if nothing but a fade follows.
// Inputs: the block Frame; waves (5 rows of 1025 texels for each layer, see shapes.py); layer 5 (RGB); the mask of its matte;
// region indices; the last picture as drawn by this pass (mirrored already, before fade and flash guard); u_gain and u_noise as
// in publish.glsl. WHITE_LEVEL: white in the deep picture, 65535, or 255 if the driver has no deeper targets.
// Display values without a gamma step, or linear light while /multiverse/light is linear. Row 0 of the target's memory is the top row.
// Source: the project's formula of the Multiverse; see tests/benchmarks/render_reference.py.
// Each define adds a feature, so that a software rasteriser does not run unused ones: WARP curve and mirror, BLENDS all
// blends but add, and clipping (always with COLOUR), PICTURES layer 5, simple mode and regions, MATTE (with PICTURES only) the
// matte, FEEDBACK the last picture, FINE averages of a wave that is too fine for the pixels, SHAPES all shapes but stripes,
// COLOUR linear light, the filmic tone, a palette's dark parts and its ramp.
#version 330 core
#include "block.glsl"
#include "blend.glsl"
#include "tone.glsl"
#include "dither.glsl"
#ifdef COLOUR
#include "light.glsl"
#endif

uniform sampler2D u_waves;
uniform float u_gain;
layout(location = 0) out vec4 f_rgba;
layout(location = 1) out vec4 f_published;

#ifdef WARP
#include "warp.glsl"
#endif
#if defined(PICTURES) || defined(FEEDBACK)
#include "bilinear.glsl"
#endif
#ifdef FEEDBACK
#include "feedback.glsl"
uniform sampler2D u_last;
#endif
#ifdef PICTURES
#include "bicubic.glsl"
uniform sampler2D u_layer5_rgb;
uniform usampler2D u_region_index;

int region_at(vec2 d_px) {
    ivec2 texel = ivec2(floor(d_px * u_region_map.xz + u_region_map.yw));
    return int(texelFetch(u_region_index, clamp(texel, ivec2(0), ivec2(u_region.yz) - 1), 0).r);
}
#endif

#ifdef MATTE
#include "mask.glsl"
uniform sampler2DArray u_matte_mask;

// Share of layer 5 that the matte keeps, 0..1.
float matte(vec2 d_px) {
    if (u_matte.w == 0.0) return 1.0;
    float value = mask_value(u_matte_mask, 0, d_px * u_matte_map.xz + u_matte_map.yw, int(u_matte.x));
    float covered = coverage(value, u_matte.yz);
    return u_matte.w > 0.0 ? covered : 1.0 - covered;
}
#endif

#include "layer.glsl"

void main() {
    vec2 d_px = gl_FragCoord.xy - u_size_px.zw;
#ifdef WARP
    d_px = fold(d_px);
#endif
#ifdef SHAPES
    vec2 polar = vec2(length(d_px), atan(d_px.y, d_px.x));
#else
    vec2 polar = vec2(0.0);
#endif
#ifdef PICTURES
    int leader = u_region.w > 0.0 ? region_at(d_px) : 0;
#endif

    vec3 rgb = vec3(0.0);
    bool has_base = false;
    for (int layer = 0; layer < 4; layer++) {
        float weight = u_layer_rgb[layer].w;
#ifdef PICTURES
        weight *= layer == leader ? 1.0 : u_region.x;
#endif
        float value = layer_value(layer, d_px, polar);
#ifdef COLOUR
        if (u_colour.x > 0.0) value = linear(vec3(value)).x;
#endif
        vec3 colour = u_layer_rgb[layer].rgb * value;
#ifdef COLOUR
        colour *= 1.0 - u_layer_dark[layer].rgb * (1.0 - min(value * u_tone.x, 1.0));
#endif
        rgb = over(rgb, colour, weight, has_base);
    }

#ifdef PICTURES
    vec3 layer5_rgb = vec3(0.0);
    float matte_weight = 1.0;
    if (u_layer5.x > 0.0 || u_layer5.w > 0.0) {
        vec2 position = d_px * u_layer5_map.xz + u_layer5_map.yw;
        ivec2 size = ivec2(u_layer5.yz);
        layer5_rgb = u_colour.z > 0.0 ? bicubic(u_layer5_rgb, position, size) : bilinear(u_layer5_rgb, position, size);
#ifdef MATTE
        matte_weight = matte(d_px);
#endif
        float weight = u_layer5.x * matte_weight;
        vec3 colour = layer5_rgb;
#ifdef COLOUR
        if (u_colour.x > 0.0) colour = linear(layer5_rgb);
#endif
        rgb = over(rgb, colour, weight, has_base);
    }
#endif

    rgb *= u_tone.x;
#ifdef COLOUR
    rgb = tone_map(rgb);
#elif !defined(BLENDS)
    rgb = soft_tone(rgb);
#else
    rgb = u_tone.y > 0.0 ? soft_tone(rgb) : min(rgb, 1.0);
#endif
#ifdef PICTURES
    if (u_layer5.w > 0.0) rgb = layer5_rgb * matte_weight;
#endif
#ifdef COLOUR
    if (u_colour.y > 0.0) rgb = mix(rgb, ramp(rgb), u_colour.y);
#endif
#ifdef FEEDBACK
    if (u_feedback_x.w > 0.0) rgb = max(rgb, feedback(u_last, d_px));
#endif
    bool is_luma = u_tone.w > 0.0;
    vec4 levels = roundEven(vec4(rgb, 1.0) * WHITE_LEVEL); // at most 1; targets clip what is below 0
    if (is_luma) levels.a = max(levels.r, max(levels.g, levels.b));
    f_rgba = levels * (1.0 / WHITE_LEVEL); // exact in the target, and quicker than a division on a software rasteriser
    vec3 published = dither(levels, u_gain).rgb;
    f_published = vec4(published, is_luma ? max(published.r, max(published.g, published.b)) : 1.0);
}
