// One step up in the pyramid of light: u_own_weight x this level, softened, + u_smaller_weight x the next smaller level,
// enlarged to twice its size with a quadratic B-spline. Both are interpolated, edges clamped.
#version 330 core

uniform sampler2D u_own;
uniform sampler2D u_smaller;
uniform float u_own_weight;
uniform float u_smaller_weight;
out vec4 f_rgba;

// Mean over a square of one texel around `position`, in texels, of the interpolated picture.
vec3 soft(sampler2D source, vec2 position) {
    vec2 texels = 1.0 / vec2(textureSize(source, 0));
    vec3 sum = texture(source, (position - 0.5) * texels).rgb + texture(source, (position + 0.5) * texels).rgb;
    sum += texture(source, (position + vec2(0.5, -0.5)) * texels).rgb;
    return (sum + texture(source, (position + vec2(-0.5, 0.5)) * texels).rgb) / 4.0;
}

void main() {
    vec3 own = soft(u_own, gl_FragCoord.xy) * u_own_weight;
    f_rgba = vec4(own + soft(u_smaller, gl_FragCoord.xy * 0.5) * u_smaller_weight, 1.0);
}
