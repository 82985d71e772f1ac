// The light that spreads: one texel for 4 x 4 pixels of u_current, their mean in linear light (the square of display
// values), of the parts brighter than u_threshold; u_knee is the width of the transition. See look.py.
#version 330 core

uniform sampler2D u_current;
uniform float u_threshold;
uniform float u_knee;
out vec4 f_rgba;

void main() {
    ivec2 corner = ivec2(gl_FragCoord.xy) * 4;
    ivec2 last = textureSize(u_current, 0) - 1;
    vec3 sum = vec3(0.0);
    for (int y = 0; y < 4; y++) {
        for (int x = 0; x < 4; x++) {
            vec3 rgb = texelFetch(u_current, min(corner + ivec2(x, y), last), 0).rgb;
            float high = max(rgb.r, max(rgb.g, rgb.b));
            float fraction = clamp((high - u_threshold) / u_knee + 0.5, 0.0, 1.0);
            sum += rgb * rgb * (fraction * fraction * (3.0 - 2.0 * fraction));
        }
    }
    f_rgba = vec4(sum / 16.0, 1.0);
}
