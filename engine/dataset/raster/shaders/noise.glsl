// Provides hash(), unit_of(), relief(), resolved(). Integers are hashed, so that every GPU gives the same result.

uint hash(ivec2 cell, uint salt) {
    uint h = uint(cell.x) * 0x9E3779B1u + uint(cell.y) * 0x85EBCA77u + salt * 0xC2B2AE3Du;
    h = (h ^ (h >> 15u)) * 0x2C1B3C6Du;
    h = (h ^ (h >> 12u)) * 0x297A2D39u;
    return h ^ (h >> 15u);
}

// 0..1 from eight of its bits.
float unit_of(uint h, int shift) {
    return float(int((h >> uint(shift)) & 255u)) * (1.0 / 255.0);
}

float lattice(ivec2 cell, uint salt) {
    return float(int(hash(cell, salt) >> 8u)) * (2.0 / 16777215.0) - 1.0;
}

// Smooth noise of wavelength 1: value -1..1 (standard deviation 0.4) and its two derivatives.
vec3 relief(vec2 position, uint salt) {
    vec2 low = floor(position);
    vec2 t = position - low;
    ivec2 cell = ivec2(low);
    float a = lattice(cell, salt), b = lattice(cell + ivec2(1, 0), salt);
    float c = lattice(cell + ivec2(0, 1), salt), d = lattice(cell + ivec2(1, 1), salt);
    vec2 s = t * t * t * (t * (t * 6.0 - 15.0) + 10.0);
    vec2 ds = 30.0 * t * t * (t * (t - 2.0) + 1.0);
    float k = a - b - c + d;
    return vec3(a + (b - a) * s.x + (c - a) * s.y + k * s.x * s.y, ds * (vec2(b - a, c - a) + k * s.yx));
}

// Visible share of a wave for this pixel size, 0..1: large pixels show only its mean.
float resolved(float wave_m, float pixel_m) {
    return smoothstep(1.0, 3.2, wave_m / pixel_m);
}
