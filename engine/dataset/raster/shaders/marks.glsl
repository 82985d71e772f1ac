// Marks on the ground, blended by their maximum: red crawler tracks, green lime, blue shade at the foot of things,
// alpha the ribs in a track. 0..1.
#version 330 core
#include "view.glsl"
#include "camera.glsl"

uniform sampler2D u_ground_depth;
flat in vec4 v_ends;
flat in vec4 v_form;
flat in vec4 v_kind;
layout(location = 0) out vec4 f_marks;

const float RIB_M = 0.21;

void main() {
    vec2 xy;
    float pixel_m = u_reach.z;
    if (u_reach.z > 0.0) {
        vec2 off_px = gl_FragCoord.xy + u_tile.xy - u_camera.xy;
        xy = vec2(off_px.x, -off_px.y) * u_reach.z;
    } else {
        float depth = texelFetch(u_ground_depth, ivec2(gl_FragCoord.xy), 0).r;
        xy = point_at(ray_of(gl_FragCoord.xy), depth).xy;
        pixel_m = depth / u_camera.z;
    }
    vec2 line = v_ends.zw - v_ends.xy;
    float long_m = length(line);
    vec2 along = long_m > 0.0 ? line / long_m : vec2(1.0, 0.0);
    vec2 position = vec2(dot(xy - v_ends.xy, along), dot(xy - v_ends.xy, vec2(-along.y, along.x)));
    float beyond = max(max(-position.x, position.x - long_m), 0.0);
    float off = length(vec2(beyond, abs(abs(position.y) - v_kind.z)));
    float soft = max(pixel_m, v_kind.x < 0.5 ? 0.3 : 0.05);
    float cover = clamp((v_form.x - off) / soft + 0.5, 0.0, 1.0) * v_kind.y;
    f_marks = vec4(0.0);
    if (v_kind.x < 0.5) {
        float rib = abs(fract((v_kind.w + position.x) / RIB_M) * 2.0 - 1.0); // 0..1..0
        rib = mix(0.5, smoothstep(0.3, 0.7, rib), smoothstep(0.9, 2.5, RIB_M / pixel_m));
        f_marks = vec4(cover, 0.0, 0.0, rib * cover);
    } else if (v_kind.x < 1.5) {
        f_marks.g = cover;
    } else {
        vec2 out_m = vec2(beyond, max(abs(position.y) - v_form.x, 0.0));
        float near = clamp(1.0 - length(out_m) / v_form.y, 0.0, 1.0);
        f_marks.b = v_kind.y * near * near;
    }
}
