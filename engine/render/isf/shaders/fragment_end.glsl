
#line 1 2
// Behind a fragment shader.
void main() {
    isf_FragColor = vec4(0.0);
    isf_main();
    if (isf_finish == ISF_RAW) {
        return;
    }
    if (isf_finish == ISF_FLOAT) { // what is not finite would spread in a target that is read again, and never go
        isf_FragColor = mix(isf_FragColor, vec4(0.0), isnan(isf_FragColor));
        isf_FragColor = mix(isf_FragColor, vec4(0.0), isinf(isf_FragColor));
        return;
    }
    if (isf_finish == ISF_COUNT) {
        isf_FragColor = vec4(vec3(float(isf_spent) / float(isf_budget)), 1.0);
        return;
    }
    vec4 result = clamp(mix(isf_FragColor, vec4(0.0), isnan(isf_FragColor)), 0.0, 1.0);
    if (isf_is_opaque) {
        result.a = 1.0;
    }
    vec3 beneath = texelFetch(isf_beneath, ivec2(gl_FragCoord.xy), 0).rgb;
    vec3 over = mix(beneath, result.rgb, result.a * isf_mix);
    vec3 rgb = isf_finish == ISF_OVER ? over : mix(beneath, result.rgb * result.a, isf_mix);
    isf_FragColor = vec4(rgb, isf_is_luma ? max(rgb.r, max(rgb.g, rgb.b)) : 1.0);
}
