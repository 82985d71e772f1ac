// Provides the uniform block `View`, packed by view.py. Lengths are in metres unless noted, colours linear light,
// Rec. 709.
layout(std140) uniform View {
    vec4 u_camera; // column and row where the axis meets the picture, focal length px, 0
    vec4 u_right; // the camera's x axis in the world, x of its position
    vec4 u_up; // its y axis, y of its position
    vec4 u_back; // its z axis, against the viewing direction, z of its position
    vec4 u_tile; // left px and top px in the picture, width px and height px of the target
    vec4 u_reach; // nearest and farthest depth, metres per pixel of a plan (0: a picture), side of the ground
    vec4 u_sun; // direction to it, 0
    vec4 u_sun_rgb; // radiance of a white Lambert surface that faces it, 0
    vec4 u_sky_rgb; // radiance, exposure
    vec4 u_shadow_place; // west and south edge of the shadow maps in sheared metres, 1 / width, 1 / height
    vec4 u_shadow_shear; // shift of a shadow per metre of height, x and y; lowest and highest z
    vec4 u_shadow_texel; // of the things' map, of the ground's map, 0, 0
    vec4 u_soil; // rgb, margin of the viewport around the target, px
    vec4 u_subsoil; // rgb, 0
    vec4 u_grass; // rgb, noise threshold above which it grows
    uvec4 u_seed; // of the ground's noise, 0, 0, 0
    vec4 u_cover[10]; // recipe 2, packed by view.py
};
