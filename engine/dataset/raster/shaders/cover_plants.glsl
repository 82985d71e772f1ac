// Provides straw(), stubble(), grass(), snow(): ground that something lies or grows on. Needs cover_fields.glsl.

// Scattered straw: stalks in all directions, more along one, in flakes; earth shows between.
Ground straw(Field f, Cover c, uint salt) {
    float flakes = relief(TURN * f.xy / 0.62, salt).x;
    float lumps = grit(f.xy, 0.16, f.pixel_m, salt + 1u);
    float grain = grit(TURN * f.xy, 0.045, f.pixel_m, salt + 2u);
    float cover = 0.5 * f.broad + 0.45 * f.patches + 0.35 * f.spots + 0.35 * flakes + 0.3 * lumps + 0.25 * grain;
    cover = smoothstep(-0.25, 0.2, cover + 2.2 * c.share - 1.1 - 0.45 * f.track);
    vec3 dull = mix(c.color, c.accent, clamp(0.4 + 0.5 * f.patches + 0.5 * flakes, 0.0, 1.0));
    vec3 lying = dull * max(0.2, 0.82 + c.contrast * (0.26 * lumps + 0.30 * grain + 0.12 * flakes) + 0.1 * f.broad);
    vec3 earth = u_subsoil.rgb * (1.0 + 0.2 * (f.waves.y + f.waves.z + f.waves.w) + 0.1 * f.spots);
    vec3 albedo = mix(earth * (1.0 - 0.25 * cover), lying, 0.93 * cover);
    vec2 position = f.xy, way = c.way;
    float lit = 0.0;
    for (int k = 0; k < 6; k++) {
        position = TURN * position + 0.37;
        way = TURN * way;
        vec2 stalk = stalks(position, way, 0.75, 0.34 - 0.04 * float(k), 0.016, f.pixel_m, salt + 3u + uint(k));
        float lies = stalk.x * clamp(0.25 + 1.1 * cover - 0.4 * f.track, 0.0, 1.0);
        albedo = mix(albedo, dull * mix(0.35, 1.9, stalk.y), 0.8 * min(c.contrast, 1.1) * lies);
        lit += lies;
    }
    albedo *= 1.0 - f.track * (0.12 + 0.2 * f.ribs);
    return matt(albedo, 0.1 * (f.tilts[0] + f.tilts[1]) + 0.12 * f.tilts[2]);
}

// A harvested field: rows of cut stalks, chaff in swaths, wheel tracks in pairs.
Ground stubble(Field f, Cover c, uint salt) {
    vec2 side = vec2(-c.way.y, c.way.x);
    float across = dot(f.xy, side) + 0.05 * f.spots + 0.25 * f.broad + 0.3 * c.grain_m * f.waves.y;
    float row = abs(fract(across / c.grain_m) - 0.5) * 2.0; // 1 in the row
    // Half the distance: rows of few pixels beat against the picture's lattice, which looks woven.
    float rows = (smoothstep(0.25, 0.85, row + 0.35 * f.waves.w) - 0.45) * resolved(0.5 * c.grain_m, f.pixel_m);
    float blades = streak(f.xy + 0.03 * f.waves.zw, c.way, 0.10, 0.028, 1.6 * f.pixel_m, salt);
    float gaps = relief(TURN * f.xy / 0.5, salt + 1u).x;
    float thick = clamp(0.5 + 0.75 * rows + 0.4 * blades + 0.3 * gaps + 0.2 * f.patches + 0.9 * (c.share - 0.5), 0.0, 1.0);
    float swath = abs(fract(across / 6.0 + 0.25) - 0.5) * 6.0;
    float chaff = smoothstep(0.9, 0.3, swath + 0.5 * f.spots + 0.4 * gaps) * clamp(0.6 + 0.6 * f.patches, 0.0, 1.0);
    float wheel = abs(abs(fract(across / 18.0) - 0.5) * 18.0 - 0.9);
    float driven = max(smoothstep(0.35, 0.2, wheel + 0.08 * f.waves.x), f.track);
    thick *= 1.0 - 0.75 * driven;
    vec2 stalk = stalks(f.xy, c.way, 0.8, 0.24, 0.018, f.pixel_m, salt + 2u);
    vec2 other = stalks(TURN * f.xy, c.way.yx, 0.8, 0.19, 0.018, f.pixel_m, salt + 3u);
    float litter = stalk.x * (stalk.y - 0.4) + other.x * (other.y - 0.4) + 0.5 * grit(f.xy, 0.05, f.pixel_m, salt + 4u);
    vec3 earth = u_subsoil.rgb * (1.0 + 0.18 * (f.waves.y + f.waves.z + f.waves.w) + 0.12 * f.broad);
    vec3 cut = c.color * (1.0 + c.contrast * (0.4 * blades + 0.2 * gaps) + 0.1 * f.broad + 0.08 * f.patches);
    vec3 albedo = mix(earth, cut, 0.9 * thick) * (1.0 + 0.3 * litter);
    albedo = mix(albedo, c.accent * (1.0 + c.contrast * (0.9 * litter + 0.2 * f.waves.z)), 0.75 * chaff * (1.0 - driven));
    albedo *= 1.0 - f.track * 0.25 * f.ribs;
    return matt(albedo, 0.1 * (f.tilts[1] + f.tilts[2]) + 0.25 * rows * side * sign(fract(across / c.grain_m) - 0.5));
}

// Grass: tufts, taller weeds, dry blades; where it is mown, lanes in turn lighter and darker.
Ground grass(Field f, Cover c, uint salt) {
    vec3 tuft = relief(TURN * f.xy / c.grain_m, salt) * resolved(c.grain_m, f.pixel_m);
    float blades = grit(TURN * TURN * f.xy, 0.36 * c.grain_m, f.pixel_m, salt + 1u);
    float tips = grit(f.xy, 0.035, f.pixel_m, salt + 2u);
    float clumps = relief(TURN * f.xy / 1.3 + 0.3 * f.waves.xy, salt + 3u).x;
    float across = dot(f.xy, vec2(-c.way.y, c.way.x)) + 0.15 * f.spots;
    float mown = c.contrast > 1.05 ? smoothstep(-0.3, 0.3, sin(across * 2.6) + 0.3 * f.waves.y) - 0.5 : 0.0; // 1.2 m wide
    float dry = 0.6 * f.broad + 0.55 * f.patches + 0.4 * f.spots + 0.3 * clumps + 0.35 * blades + 0.3 * tips;
    dry = smoothstep(-0.2, 0.85, dry + c.share - 0.45);
    vec3 albedo = mix(c.color, c.accent, 0.85 * dry);
    float tall = smoothstep(0.1, 0.8, 0.6 * clumps + 0.5 * f.patches + 0.35 * tuft.x + 0.3 * blades) * (1.0 - abs(mown) * 2.0);
    float shade = (0.34 + 0.25 * tall) * tuft.x + 0.42 * blades + 0.38 * tips + 0.12 * clumps + 0.12 * f.waves.y;
    albedo *= max(0.2, 1.0 + shade * min(c.contrast, 1.1) + 0.16 * f.broad + 0.12 * f.patches + 0.22 * mown);
    albedo *= mix(vec3(1.0), vec3(0.52, 0.62, 0.5), tall);
    float bald = 0.5 * clumps - 0.6 * f.patches + 0.4 * f.spots + 0.3 * blades + 0.25 * tips + 0.4 * c.share;
    bald = smoothstep(0.35, 0.95, bald + 0.25 * tuft.x);
    bald = max(bald, f.track * smoothstep(-0.1, 0.3, 0.45 - 0.5 * tuft.x - 0.4 * blades));
    vec3 earth = u_subsoil.rgb * (1.0 + 0.18 * (f.waves.y + f.waves.z + f.waves.w));
    albedo = mix(albedo, earth * (1.0 - f.track * 0.3 * f.ribs), bald);
    vec2 lean = 0.08 * (transpose(TURN) * tuft.yz) + 0.04 * f.tilts[0] + 0.05 * f.tilts[2];
    return matt(albedo, lean * (1.0 - 0.5 * bald));
}

// Snow: smooth, drifted by the wind, trodden; it is thin where ground shows, and gone from tracks.
Ground snow(Field f, Cover c, uint salt) {
    float drift = streak(f.xy + 0.9 * vec2(f.patches, f.spots), c.way, 3.4, 0.8, f.pixel_m, salt);
    vec2 position = vec2(dot(f.xy, c.way) / 2.1, dot(f.xy, vec2(-c.way.y, c.way.x)) / 0.45);
    vec3 crest = relief(position + 0.3 * f.waves.xy, salt + 1u) * resolved(0.45, f.pixel_m);
    vec2 crest_tilt = crest.y / 2.1 * c.way + crest.z / 0.45 * vec2(-c.way.y, c.way.x);
    float thin = 0.5 * f.broad + 0.4 * f.patches + 0.3 * f.spots + 0.26 * f.waves.x + 0.22 * f.waves.y;
    thin += 0.16 * f.waves.z + 0.12 * f.waves.w - 0.2 * drift + 0.9 * smoothstep(0.25, 0.6, f.steep);
    float shows = smoothstep(-0.03, 0.13, thin - 0.95 + 1.1 * c.share);
    vec3 albedo = c.color * (1.0 + c.contrast * (0.03 * drift + 0.03 * crest.x) + 0.03 * f.broad + 0.02 * f.spots);
    albedo *= 1.0 + 0.03 * grit(f.xy, 0.03, f.pixel_m, salt + 2u);
    vec3 earth = c.accent * (1.0 + 0.2 * (f.waves.y + f.waves.z + f.waves.w) + 0.15 * f.spots);
    // Steps: dents in lines along the contours of a broad noise.
    vec3 walk = relief(f.xy / 31.0, salt + 3u);
    float beside_m = abs(walk.x - 0.13) / max(length(walk.yz) / 31.0, 0.004);
    vec4 dent = stones(f.xy, 0.52, 0.85, f.pixel_m, salt + 4u);
    float trodden = dent.y * smoothstep(0.55, 0.4, beside_m + 0.2 * f.spots);
    albedo *= 1.0 - 0.4 * trodden;
    float driven = f.track * smoothstep(0.0, 0.5, 0.75 + 0.5 * f.waves.x + 0.4 * f.waves.y - 0.3 * f.ribs);
    albedo *= 1.0 - 0.3 * f.track * f.ribs;
    albedo = mix(albedo, earth, max(shows, 0.72 * driven));
    vec2 tilt = 0.07 * crest_tilt + 0.05 * f.tilts[0] + 0.25 * trodden * dent.zw;
    return matt(albedo, mix(tilt, 0.12 * (f.tilts[1] + f.tilts[2]), shows));
}
