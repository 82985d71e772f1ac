// Everything that stands on the ground, lit, display values.
#version 330 core
#include "view.glsl"
#include "camera.glsl"
#include "plane.glsl"
#include "noise.glsl"
#include "light.glsl"

uniform sampler2D u_terrain;
uniform vec4 u_albedo; // rgb, roughness
uniform vec4 u_finish; // metallic, mottle, size of its spots in metres, cleanness
flat in vec3 v_plane;
flat in vec2 v_reach;
flat in vec4 v_tint;
in vec3 v_normal;
layout(location = 0) out vec4 f_rgba;

void main() {
    vec2 ray = ray_of(gl_FragCoord.xy);
    float depth = depth_on(v_plane, ray, v_reach);
    vec3 point = point_at(ray, depth);
    float pixel_m = depth / u_camera.z;
    vec3 normal = normalize(v_normal);
    vec3 eye = normalize(in_world(vec3(-ray, 1.0)));

    // Position of the spots: x and y, sheared by z so that vertical faces have spots too.
    vec2 across = point.xy + point.z * vec2(0.71, 0.37);
    float spots = relief(across / u_finish.z, 77u).x * resolved(u_finish.z, pixel_m);
    spots += 0.5 * relief(across / (4.0 * u_finish.z), 78u).x;
    vec3 albedo = u_albedo.rgb * v_tint.rgb * max(1.0 + u_finish.y * spots, 0.1);
    float dust = clamp(0.25 + 0.5 * relief(across / 0.7, 79u).x + 0.3 * spots, 0.0, 1.0) * max(normal.z, 0.0);
    albedo = mix(albedo, u_soil.rgb, 0.35 * dust * (1.0 - u_finish.w));

    float cosine = dot(normal, u_sun.xyz);
    float bias_m = 0.02 + 1.5 * u_shadow_texel.x * (1.0 - clamp(normal.z, 0.0, 1.0));
    vec3 lifted = point + normal * (1.5 * u_shadow_texel.x);
    float sun = cosine > 0.0 ? cosine * sunlit(lifted, pixel_m, bias_m) : 0.0;

    float above_m = point.z - texture(u_terrain, point.xy / u_reach.w + 0.5).z;
    float open = mix(0.55, 1.0, smoothstep(0.0, 0.5, above_m));

    // GGX with Schlick's Fresnel and Kelemen's visibility (Karis 2013).
    float a = u_albedo.a * u_albedo.a;
    vec3 half_way = normalize(u_sun.xyz + eye);
    float nh = max(dot(normal, half_way), 0.0), lh = max(dot(u_sun.xyz, half_way), 0.1);
    float d = nh * nh * (a * a - 1.0) + 1.0;
    vec3 f0 = mix(vec3(0.04), albedo, u_finish.x);
    float edge = 1.0 - max(dot(normal, eye), 0.0);
    vec3 fresnel = f0 + (1.0 - f0) * (edge * edge * edge * edge * edge) * (1.0 - u_albedo.a);
    vec3 gloss = fresnel * min(a * a / (4.0 * d * d * lh * lh * (u_albedo.a + 0.5)), 20.0);

    vec3 sky = skylight(normal) * open;
    vec3 light = albedo * (1.0 - u_finish.x) * (u_sun_rgb.rgb * sun + sky);
    light += u_sun_rgb.rgb * sun * gloss + fresnel * skylight(reflect(-eye, normal)) * open;
    f_rgba = vec4(tone_map(light), 1.0);
}
