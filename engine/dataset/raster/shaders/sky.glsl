// The sky behind everything, display values: hazy and bright at the horizon, of its own colour above.
#version 330 core
#include "view.glsl"
#include "camera.glsl"
#include "light.glsl"

layout(location = 0) out vec4 f_rgba;

void main() {
    float rise = normalize(in_world(vec3(ray_of(gl_FragCoord.xy), -1.0))).z;
    vec3 haze = vec3(dot(u_sky_rgb.rgb, vec3(0.3, 0.4, 0.3)));
    f_rgba = vec4(tone_map(2.2 * mix(haze, u_sky_rgb.rgb, smoothstep(0.0, 0.5, rise))), 1.0);
}
