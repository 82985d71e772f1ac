// Provides Ground, Field, Cover, field_at(), cells(), stones(), grit(), streak(): what all looks of the ground in
// recipe 2 are made of. Needs noise.glsl.

struct Ground {
    vec3 albedo;
    vec2 tilt; // slope of clods, ripples, ruts, beyond that of the terrain
    float gloss; // 0 matt, 1 wet
};

// Noise that all looks share, at one position.
struct Field {
    vec2 xy; // metres
    float pixel_m;
    float broad; // tens of metres
    float patches; // 6 m
    float spots; // 2.3 m
    vec4 waves; // 0.95, 0.40, 0.17 and 0.07 m, as far as pixels show them
    vec2 tilts[4]; // their slopes
    float track; // 0..1: driven on by a crawler
    float ribs; // 0..1: pressed by its grousers
    float steep; // rise of the terrain per metre
};

struct Cover {
    vec3 color;
    vec3 accent;
    float share;
    float contrast;
    float grain_m;
    vec2 way; // unit vector
};

const mat2 TURN = mat2(0.8, 0.6, -0.6, 0.8); // each layer's lattice is rotated against the previous one

Field field_at(vec2 xy, float steep, float pixel_m, vec4 marks, uint salt) {
    Field f;
    f.xy = xy;
    f.pixel_m = pixel_m;
    f.broad = 0.6 * relief(xy / 47.0, salt).x;
    vec2 position = TURN * xy;
    f.broad += 0.4 * relief(position / 17.0, salt + 1u).x;
    position = TURN * position;
    f.patches = relief(position / 6.1, salt + 2u).x;
    position = TURN * position;
    f.spots = relief(position / 2.3, salt + 3u).x;
    mat2 back = transpose(TURN) * transpose(TURN) * transpose(TURN);
    float wave_m = 0.95;
    for (int k = 0; k < 4; k++) {
        position = TURN * position;
        back = back * transpose(TURN);
        vec3 wave = relief(position / wave_m, salt + 4u + uint(k)) * resolved(wave_m, pixel_m);
        f.waves[k] = wave.x;
        f.tilts[k] = back * wave.yz;
        wave_m *= 0.42;
    }
    float edge = 0.8 * (f.waves.x + f.waves.y + f.waves.z) + 0.5 * f.spots;
    f.track = smoothstep(0.15, 0.85, marks.r + marks.r * (1.0 - marks.r) * edge);
    f.ribs = marks.a;
    f.steep = steep;
    return f;
}

// Irregular cells, such as broken stones lying side by side. x: shade 0..1 of the cell; y: distance to its edge, 0..1;
// z: another random number of it.
vec3 cells(vec2 xy, float cell_m, uint salt) {
    vec2 position = xy / cell_m;
    vec2 low = floor(position - 0.5);
    float first = 9.0, second = 9.0;
    uint own = 0u;
    for (int k = 0; k < 4; k++) {
        vec2 corner = low + vec2(k & 1, k >> 1);
        uint h = hash(ivec2(corner), salt);
        vec2 away = corner + 0.2 + 0.6 * vec2(unit_of(h, 0), unit_of(h, 8)) - position;
        float far = dot(away, away);
        second = min(second, max(far, first));
        own = far < first ? h : own;
        first = min(first, far);
    }
    return vec3(unit_of(own, 16), min(1.0, 1.6 * (sqrt(second) - sqrt(first))), unit_of(own, 24));
}

// Single stones on a lattice, at most one per cell: shade 0..1, coverage, and the offset from the middle by the radius.
vec4 stones(vec2 xy, float cell_m, float share, float pixel_m, uint salt) {
    vec2 position = xy / cell_m;
    vec2 low = floor(position);
    uint h = hash(ivec2(low), salt);
    float size = unit_of(h, 0);
    float radius = mix(0.10, 0.38, size * size);
    vec2 middle = mix(vec2(radius), vec2(1.0 - radius), vec2(unit_of(h, 8), unit_of(h, 16)));
    vec2 off = position - low - middle;
    vec2 lean = vec2(unit_of(h, 20), unit_of(h, 4)) - 0.5; // not quite round
    float far = length(off + 0.7 * lean * dot(off, lean.yx));
    float cover = clamp((radius - far) / (0.06 + 0.7 * pixel_m / cell_m) + 0.5, 0.0, 1.0);
    float strength = min(1.0, 1.4 * radius * cell_m / pixel_m);
    float is_there = float(int(h >> 24u)) < share * 255.0 ? 1.0 : 0.0;
    return vec4(unit_of(h * 0x9E3779B1u, 12), cover * strength * strength * is_there, off / radius);
}

// Fine noise, -1..1. Where grains are smaller than pixels they differ from pixel to pixel, but less.
float grit(vec2 xy, float grain_m, float pixel_m, uint salt) {
    return relief(xy / grain_m, salt).x * clamp(1.2 * grain_m / pixel_m, 0.0, 1.0);
}

// Thin straight pieces, at most one per cell of a lattice: coverage, shade 0..1. free: 0 all along `way`, 1 in any
// direction.
vec2 stalks(vec2 xy, vec2 way, float free, float cell_m, float thin_m, float pixel_m, uint salt) {
    vec2 position = xy / cell_m;
    vec2 low = floor(position);
    uint h = hash(ivec2(low), salt);
    vec2 own = 2.0 * vec2(unit_of(h, 0), unit_of(h, 8)) - 1.0;
    vec2 along = normalize(mix(way, own, free) + vec2(1e-4, 0.0));
    vec2 off = (position - low - 0.5) * cell_m;
    float aside = abs(dot(off, vec2(-along.y, along.x)) - (unit_of(h, 16) - 0.5) * 0.7 * cell_m);
    float cover = clamp((0.5 * max(thin_m, pixel_m) - aside) / pixel_m + 0.5, 0.0, 1.0) * min(1.0, thin_m / pixel_m);
    return vec2(cover * step(abs(dot(off, along)), 0.6 * cell_m), unit_of(h, 24));
}

// Noise drawn out along `way`, -1..1: drifts, brush marks.
float streak(vec2 xy, vec2 way, float long_m, float thin_m, float pixel_m, uint salt) {
    vec2 position = vec2(dot(xy, way) / long_m, dot(xy, vec2(-way.y, way.x)) / thin_m);
    return relief(position, salt).x * clamp(1.3 * thin_m / pixel_m, 0.0, 1.0);
}

Ground matt(vec3 albedo, vec2 tilt) {
    return Ground(albedo, tilt, 0.0);
}
