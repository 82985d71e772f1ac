// Provides sunlit(), skylight(), tone_map(). Needs view.glsl. With CLOUDS defined clouds cast shadows, too.

uniform sampler2DShadow u_things_shadow;
uniform sampler2DShadow u_ground_shadow;
#ifdef CLOUDS
uniform sampler2D u_clouds; // share of the sun's light that they let through, by where its ray meets z = 0
#endif

// Share of the sun, 0..1, that reaches a point. The maps are drawn along the sun's rays onto a level plane and keep the
// highest z (shadow.py); pixel_m: width of the soft edge; bias_m: minimum height of an obstacle above the point.
float sunlit(vec3 point, float pixel_m, float bias_m) {
    vec2 position = (point.xy - point.z * u_shadow_shear.xy - u_shadow_place.xy) * u_shadow_place.zw;
    float span = u_shadow_shear.w - u_shadow_shear.z;
    float low = (u_shadow_shear.w - point.z) / span;
    vec2 fine = max(0.6 * u_shadow_texel.x, 0.45 * pixel_m) * u_shadow_place.zw;
    vec2 wide = 1.5 * u_shadow_texel.y * u_shadow_place.zw;
    float depth = low - bias_m / span, hill_depth = low - 2.0 * u_shadow_texel.y / span;
    float open = 0.0, hill = 0.0;
    vec2 way = vec2(0.4, 0.9);
    for (int k = 0; k < 4; k++) {
        open += texture(u_things_shadow, vec3(position + fine * way, depth));
        hill += texture(u_ground_shadow, vec3(position + wide * way, hill_depth));
        way = vec2(way.y, -way.x);
    }
#ifdef CLOUDS
    open *= textureLod(u_clouds, (point.xy - point.z * u_shadow_shear.xy) * u_cover[9].x, 0.0).r;
#endif
    return open * hill / 16.0;
}

// Radiance of a white Lambert surface under the whole sky; lit soil is below its horizon.
vec3 skylight(vec3 normal) {
    vec3 bounced = u_soil.rgb * (u_sky_rgb.rgb + u_sun_rgb.rgb * u_sun.z);
    return mix(bounced, u_sky_rgb.rgb, 0.5 + 0.5 * normal.z);
}

// Light to a display value: a filmic curve (Narkowicz 2015, after ACES), then the sRGB curve, approximated by square
// roots because a power would be slow on a CPU (Chilliant 2012; within 0.003).
vec3 tone_map(vec3 light) {
    light *= u_sky_rgb.a;
    vec3 film = clamp(light * (2.51 * light + 0.03) / (light * (2.43 * light + 0.59) + 0.14), 0.0, 1.0);
    vec3 root = sqrt(film), fourth = sqrt(root), eighth = sqrt(fourth);
    return clamp(0.585122381 * root + 0.783140355 * fourth - 0.368262736 * eighth, 0.0, 1.0);
}
