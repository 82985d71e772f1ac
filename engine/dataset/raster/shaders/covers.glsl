// Provides ground_at() and sheen_of() for recipe 2, instead of ground_look.glsl. Needs view.glsl, noise.glsl.
// Defines: LOOK, the function that draws the first cover; SECOND, that of the other, if there are two; WEEDS, if grass
// grows on them; PICTURE, if a picture of the user's replaces the first cover.
#include "cover_fields.glsl"
#include "cover_mineral.glsl"
#include "cover_plants.glsl"
#include "cover_picture.glsl"

const vec3 LIME = vec3(0.80, 0.80, 0.77);

Cover cover_of(int first) {
    vec4 a = u_cover[first], b = u_cover[first + 1], c = u_cover[first + 2];
    return Cover(a.rgb, b.rgb, a.a, b.a, c.x, c.yz);
}

// Tufts of grass on other ground: coarse noise selects where they stand, fine noise the tufts.
Ground with_weeds(Ground ground, Field f, uint salt) {
    vec3 tuft = relief(TURN * f.xy / 0.33, salt) * resolved(0.33, f.pixel_m);
    float blades = grit(TURN * TURN * f.xy, 0.09, f.pixel_m, salt + 1u);
    float clumps = relief(TURN * TURN * f.xy / 0.9, salt + 2u).x;
    float wanted = 0.55 * relief(TURN * TURN * f.xy / 11.0 + 0.35 * vec2(f.patches, f.spots), salt + 3u).x;
    wanted += 0.3 * f.patches + 0.3 * f.spots + 0.2 * clumps;
    wanted -= u_grass.w + 0.8 * f.track + 0.8 * max(f.steep - 0.35, 0.0) + step(0.9, ground.gloss); // not in water
    float grown = smoothstep(-0.18, 0.24, wanted + 0.26 * tuft.x + 0.16 * blades);
    vec3 straw = vec3(1.7, 1.3, 1.6) * u_grass.rgb;
    vec3 green = mix(u_grass.rgb, straw, clamp(0.4 - 0.7 * f.broad + 0.5 * clumps + 0.4 * blades, 0.0, 0.9));
    green *= clamp(0.9 + 0.45 * tuft.x + 0.45 * blades + 0.15 * f.spots, 0.3, 1.6);
    ground.albedo = mix(ground.albedo, green, 0.88 * grown);
    ground.tilt += grown * 0.13 * (transpose(TURN) * tuft.yz);
    ground.gloss *= 1.0 - grown;
    return ground;
}

// xy: metres; slope: rise of the terrain per metre, east and north; marks: as drawn by marks.glsl.
Ground ground_at(vec2 xy, vec2 slope, float pixel_m, vec4 marks) {
    uint salt = u_seed.x;
    Field f = field_at(xy, length(slope), pixel_m, marks, salt);
    Ground ground = LOOK(f, cover_of(0), salt + 16u);
#ifdef SECOND
    vec2 position = TURN * xy / u_cover[6].x;
    float second = 0.6 * relief(position, salt + 50u).x + 0.3 * relief(TURN * position * 2.7, salt + 51u).x;
    second += 0.10 * f.spots + 0.10 * f.waves.x + 0.08 * f.waves.y + 0.05 * f.waves.z;
    second = smoothstep(-0.07, 0.07, second - u_cover[6].y);
    Ground other = SECOND(f, cover_of(3), salt + 32u);
    ground.albedo = mix(ground.albedo, other.albedo, second);
    ground.tilt = mix(ground.tilt, other.tilt, second);
    ground.gloss = mix(ground.gloss, other.gloss, second);
#endif
#ifdef WEEDS
    ground = with_weeds(ground, f, salt + 60u);
#endif
    float clods = f.waves.x + f.waves.y + f.waves.z + f.waves.w;
    float lime = marks.g * clamp(0.85 + 0.5 * clods + 0.3 * f.spots, 0.0, 1.0);
    ground.albedo = clamp(mix(ground.albedo, LIME, lime), 0.005, 0.95);
    return ground;
}

// Light that wet ground mirrors straight up: the sky's, and the sun's where it is tilted towards it. GGX of roughness
// 0.3, Schlick's Fresnel. sun: radiance of a white surface there.
vec3 sheen_of(vec3 normal, vec3 sun, float gloss) {
    const float WIDE = 0.0081; // roughness to the fourth
    vec3 half_way = normalize(u_sun.xyz + vec3(0.0, 0.0, 1.0));
    float nh = max(dot(normal, half_way), 0.0), lh = max(half_way.z, 0.1);
    float spread = nh * nh * (WIDE - 1.0) + 1.0;
    return gloss * (0.03 * u_sky_rgb.rgb + sun * min(0.02 * WIDE / (3.2 * spread * spread * lh * lh), 1.0));
}
