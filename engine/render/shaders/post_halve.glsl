// A picture at half its size, averaged over 4 x 4 texels with weights 1 3 3 1. u_larger is interpolated, edges clamped.
#version 330 core

uniform sampler2D u_larger;
out vec4 f_rgba;

void main() {
    vec2 texels = 1.0 / vec2(textureSize(u_larger, 0));
    vec2 position = gl_FragCoord.xy * 2.0 * texels;
    vec2 step = 0.75 * texels; // between two texels, three quarters towards the inner one
    vec3 sum = texture(u_larger, position - step).rgb + texture(u_larger, position + step).rgb;
    sum += texture(u_larger, position + vec2(step.x, -step.y)).rgb + texture(u_larger, position + vec2(-step.x, step.y)).rgb;
    f_rgba = vec4(sum / 4.0, 1.0);
}
