// The ground from straight above without any light: albedo, sRGB, row 0 north.
#version 330 core
#include "view.glsl"
#include "noise.glsl"
#ifdef LOOK
#include "covers.glsl"
#else
#include "ground_look.glsl"
#endif

uniform sampler2D u_marks;
uniform sampler2D u_terrain;
layout(location = 0) out vec4 f_rgba;

void main() {
    vec2 off_px = gl_FragCoord.xy + u_tile.xy - u_camera.xy;
    vec2 xy = vec2(off_px.x, -off_px.y) * u_reach.z;
    vec2 slope = texture(u_terrain, xy / u_reach.w + 0.5).xy;
    vec3 albedo = ground_at(xy, slope, u_reach.z, texelFetch(u_marks, ivec2(gl_FragCoord.xy), 0)).albedo;
    vec3 high = 1.055 * pow(albedo, vec3(1.0 / 2.4)) - 0.055;
    f_rgba = vec4(mix(high, 12.92 * albedo, lessThanEqual(albedo, vec3(0.0031308))), 1.0);
}
