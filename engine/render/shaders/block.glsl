// Provides the uniform block `Frame`: rows as in frame_block.py, which packs it and explains each number.
layout(std140) uniform Frame {
    vec4 u_size_px;
    vec4 u_layer_u[4];
    vec4 u_layer_x[4];
    vec4 u_layer_y[4];
    vec4 u_layer_rgb[4];
    vec4 u_blend;
    vec4 u_tone;
    vec4 u_layer5_map;
    vec4 u_layer5;
    vec4 u_matte_map;
    vec4 u_matte;
    vec4 u_region_map;
    vec4 u_region;
    vec4 u_feedback_x;
    vec4 u_feedback_y;
    vec4 u_fold;
    vec4 u_layer_polar[4];
    vec4 u_layer_band[4];
    vec4 u_layer_line[4];
    vec4 u_layer_across[4];
    vec4 u_layer_dark[4];
    vec4 u_colour;
    vec4 u_ramp[17];
};
