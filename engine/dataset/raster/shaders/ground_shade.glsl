// The lit ground of a tile, display values, once per pixel.
// Inputs: its depth (ground_depth.glsl), marks (marks.glsl), the terrain's slopes, shadow maps.
#version 330 core
#include "view.glsl"
#include "camera.glsl"
#include "noise.glsl"
#ifdef LOOK
#include "covers.glsl"
#else
#include "ground_look.glsl"
#endif
#include "light.glsl"

uniform sampler2D u_ground_depth;
uniform sampler2D u_marks;
uniform sampler2D u_terrain; // slope east, slope north, z
layout(location = 0) out vec4 f_rgba;

void main() {
    ivec2 pixel = ivec2(gl_FragCoord.xy);
    float depth = texelFetch(u_ground_depth, pixel, 0).r;
    vec2 ray = ray_of(gl_FragCoord.xy);
    vec3 point = point_at(ray, depth);
    float pixel_m = depth / (u_camera.z * max(drop_of(ray), 0.05)); // longer where the ray meets the ground obliquely
    vec2 slope = texture(u_terrain, point.xy / u_reach.w + 0.5).xy;
    vec4 marks = texelFetch(u_marks, pixel, 0);
    Ground ground = ground_at(point.xy, slope, pixel_m, marks);
    vec3 normal = normalize(vec3(-slope - ground.tilt, 1.0));
    float sun = max(dot(normal, u_sun.xyz), 0.0) * sunlit(point, pixel_m, 0.01);
    vec3 light = u_sun_rgb.rgb * sun + skylight(normal) * (1.0 - marks.b);
#ifdef LOOK
    f_rgba = vec4(tone_map(ground.albedo * light + sheen_of(normal, u_sun_rgb.rgb * sun, ground.gloss)), 1.0);
#else
    f_rgba = vec4(tone_map(ground.albedo * light), 1.0);
#endif
}
