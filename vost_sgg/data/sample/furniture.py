"""Sprites of what stands in a room or hangs on its wall. Seats face right: their back is on the left."""

from vost_sgg.data.sample.brush import DARK, WHITE, SpriteTable, shade

FURNITURE = SpriteTable()


@FURNITURE.sprite("bed", 1.30, 0.42)
def bed(b, p):
    b.rect(0.0, 0.0, 0.05, 1.0, p.wood)
    b.rect(0.95, 0.30, 1.0, 1.0, p.wood)
    b.rect(0.04, 0.70, 0.96, 0.86, shade(p.wood, 0.8))
    b.rect(0.04, 0.42, 0.96, 0.72, WHITE)
    b.fill([(0.30, 0.38), (0.96, 0.38), (0.96, 0.78), (0.30, 0.78)], p.main)
    b.rect(0.30, 0.38, 0.36, 0.78, shade(p.main, 1.3))
    b.fill([(0.06, 0.26), (0.24, 0.22), (0.27, 0.42), (0.07, 0.44)], shade(WHITE, 0.93))


@FURNITURE.sprite("chair", 0.34, 0.56)
def chair(b, p):
    b.fill([(0.0, 0.0), (0.16, 0.0), (0.22, 0.56), (0.06, 0.56)], p.wood)
    b.fill([(0.16, 0.05), (0.22, 0.05), (0.26, 0.45), (0.20, 0.45)], p.main)
    b.rect(0.06, 0.50, 1.0, 0.60, shade(p.wood, 1.2))
    b.rect(0.12, 0.46, 0.98, 0.52, p.main)
    for x in (0.08, 0.84):
        b.rect(x, 0.60, x + 0.12, 1.0, p.wood)
    b.rect(0.20, 0.76, 0.84, 0.81, shade(p.wood, 0.75))


@FURNITURE.sprite("closet/cabinet", 0.50, 0.98)
def closet(b, p):
    b.rect(0.0, 0.0, 1.0, 0.96, p.wood)
    b.rect(0.0, 0.0, 1.0, 0.05, shade(p.wood, 1.25))
    for x in (0.06, 0.53):
        b.rect(x, 0.09, x + 0.41, 0.90, shade(p.wood, 0.78))
        b.rect(x + 0.06, 0.14, x + 0.35, 0.48, shade(p.wood, 0.95))
        b.rect(x + 0.06, 0.54, x + 0.35, 0.85, shade(p.wood, 0.95))
    for x in (0.43, 0.57):
        b.rect(x - 0.02, 0.42, x + 0.02, 0.58, p.metal)
    b.rect(0.04, 0.96, 0.14, 1.0, DARK)
    b.rect(0.86, 0.96, 0.96, 1.0, DARK)


@FURNITURE.sprite("door", 0.44, 1.06)
def door(b, p):
    b.rect(0.0, 0.0, 1.0, 1.0, shade(WHITE, 0.85))
    b.rect(0.08, 0.04, 0.92, 1.0, p.main)
    for y0, y1 in ((0.10, 0.45), (0.56, 0.92)):
        b.rect(0.18, y0, 0.82, y1, shade(p.main, 0.72))
        b.rect(0.22, y0 + 0.02, 0.82, y1, shade(p.main, 0.92))
    b.ellipse(0.84, 0.51, 0.07, 0.03, (232, 196, 70))


@FURNITURE.sprite("doorknob", 0.17, 0.20)
def doorknob(b, p):
    b.ellipse(0.5, 0.5, 0.5, 0.5, p.metal)
    b.ellipse(0.5, 0.5, 0.36, 0.36, (226, 178, 52))
    b.rect(0.42, 0.12, 0.58, 0.88, (138, 96, 22))
    b.ellipse(0.36, 0.32, 0.08, 0.08, WHITE)


@FURNITURE.sprite("doorway", 0.54, 1.10)
def doorway(b, p):
    b.rect(0.0, 0.0, 1.0, 1.0, p.wood)
    b.rect(0.11, 0.05, 0.89, 1.0, (34, 32, 38))
    b.fill([(0.11, 1.0), (0.89, 1.0), (0.68, 0.74), (0.32, 0.74)], (96, 84, 74))
    b.rect(0.32, 0.20, 0.68, 0.74, (58, 56, 64))


@FURNITURE.sprite("light", 0.24, 0.26)
def light(b, p):
    b.rect(0.48, 0.0, 0.52, 0.36, DARK)
    b.ellipse(0.5, 0.78, 0.18, 0.22, (255, 246, 176))
    b.fill([(0.34, 0.30), (0.66, 0.30), (1.0, 0.76), (0.0, 0.76)], p.main)
    b.rect(0.0, 0.70, 1.0, 0.78, shade(p.main, 1.35))


@FURNITURE.sprite("mirror", 0.26, 0.40)
def mirror(b, p):
    b.ellipse(0.5, 0.5, 0.5, 0.5, (206, 164, 66))
    b.ellipse(0.5, 0.5, 0.40, 0.43, (196, 222, 236))
    b.line([(0.28, 0.62), (0.58, 0.24)], WHITE, 0.07)
    b.line([(0.44, 0.74), (0.70, 0.42)], WHITE, 0.05)


@FURNITURE.sprite("picture", 0.36, 0.28)
def picture(b, p):
    b.rect(0.0, 0.0, 1.0, 1.0, p.wood)
    b.rect(0.08, 0.10, 0.92, 0.90, (158, 206, 240))
    b.fill([(0.08, 0.90), (0.38, 0.36), (0.58, 0.66), (0.70, 0.50), (0.92, 0.90)], (66, 136, 74))
    b.ellipse(0.76, 0.28, 0.08, 0.10, (252, 216, 66))


@FURNITURE.sprite("refrigerator", 0.42, 0.96)
def refrigerator(b, p):
    body = p.hsv((0.5, 0.62), (0.0, 0.10), (0.78, 0.95))
    b.rect(0.0, 0.0, 1.0, 1.0, body)
    b.rect(0.90, 0.0, 1.0, 1.0, shade(body, 0.82))
    b.rect(0.0, 0.34, 1.0, 0.36, DARK)
    b.rect(0.08, 0.12, 0.15, 0.31, DARK)
    b.rect(0.08, 0.40, 0.15, 0.66, DARK)
    b.rect(0.50, 0.10, 0.66, 0.18, (222, 70, 60))
    b.rect(0.62, 0.46, 0.80, 0.56, (250, 222, 92))
    b.rect(0.0, 0.96, 1.0, 1.0, DARK)


@FURNITURE.sprite("shelf", 0.46, 0.84)
def shelf(b, p):
    b.rect(0.0, 0.0, 1.0, 1.0, p.wood)
    for row in range(4):
        top, bottom = 0.04 + row * 0.24, 0.23 + row * 0.24
        b.rect(0.07, top, 0.93, bottom, shade(p.wood, 0.42))
        x = 0.09
        while x < 0.82:
            width = p.uniform(0.05, 0.12)
            b.rect(x, top + p.uniform(0.02, 0.08), min(x + width - 0.01, 0.92), bottom, p.any())
            x += width


@FURNITURE.sprite("sofa/couch", 0.98, 0.50)
def sofa(b, p):
    b.rect(0.06, 0.0, 0.94, 0.60, shade(p.main, 0.82))
    b.line([(0.5, 0.02), (0.5, 0.50)], shade(p.main, 0.6), 0.015)
    b.rect(0.10, 0.46, 0.50, 0.68, shade(p.main, 1.18))
    b.rect(0.51, 0.46, 0.90, 0.68, shade(p.main, 1.18))
    b.rect(0.10, 0.68, 0.90, 0.90, shade(p.main, 0.72))
    for x in (0.0, 0.87):
        b.rect(x, 0.30, x + 0.13, 0.92, p.main)
        b.ellipse(x + 0.065, 0.30, 0.065, 0.09, shade(p.main, 1.1))
    b.rect(0.05, 0.92, 0.12, 1.0, DARK)
    b.rect(0.88, 0.92, 0.95, 1.0, DARK)


@FURNITURE.sprite("table", 0.66, 0.40)
def table(b, p):
    for x in (0.04, 0.88):
        b.rect(x, 0.16, x + 0.08, 1.0, shade(p.wood, 0.85))
    b.rect(0.06, 0.16, 0.94, 0.30, shade(p.wood, 0.7))
    b.rect(0.0, 0.0, 1.0, 0.17, shade(p.wood, 1.25))


@FURNITURE.sprite("television", 0.52, 0.36)
def television(b, p):
    b.rect(0.44, 0.84, 0.56, 0.96, DARK)
    b.rect(0.26, 0.94, 0.74, 1.0, DARK)
    b.rect(0.0, 0.0, 1.0, 0.86, (26, 26, 30))
    b.rect(0.04, 0.06, 0.96, 0.78, p.hsv((0.5, 0.68), (0.5, 0.8), (0.55, 0.95)))
    b.fill([(0.04, 0.78), (0.30, 0.36), (0.52, 0.78)], p.main)
    b.ellipse(0.70, 0.36, 0.14, 0.18, p.second)


@FURNITURE.sprite("vacuum", 0.40, 0.56)
def vacuum(b, p):
    b.line([(0.30, 0.72), (0.50, 0.50), (0.74, 0.04)], (70, 70, 78), 0.07)
    b.line([(0.74, 0.04), (0.90, 0.92)], p.metal, 0.07)
    b.fill([(0.78, 0.90), (1.0, 0.90), (1.0, 1.0), (0.70, 1.0)], DARK)
    b.ellipse(0.28, 0.78, 0.28, 0.20, p.main)
    b.rect(0.10, 0.74, 0.46, 0.79, shade(p.main, 1.35))
    b.ellipse(0.14, 0.92, 0.09, 0.08, DARK)
    b.ellipse(0.42, 0.92, 0.09, 0.08, DARK)


@FURNITURE.sprite("window", 0.46, 0.46)
def window(b, p):
    b.rect(0.0, 0.0, 1.0, 1.0, WHITE)
    b.rect(0.08, 0.08, 0.92, 0.92, (142, 202, 244))
    b.fill([(0.08, 0.92), (0.08, 0.70), (0.40, 0.62), (0.92, 0.76), (0.92, 0.92)], (96, 168, 84))
    b.ellipse(0.30, 0.28, 0.14, 0.07, WHITE)
    b.rect(0.46, 0.06, 0.54, 0.94, WHITE)
    b.rect(0.06, 0.46, 0.94, 0.53, WHITE)


@FURNITURE.sprite("pedestal", 0.24, 0.36)
def pedestal(b, p):
    """What a small thing stands on. No class of the data set."""
    stone = p.hsv((0.0, 1.0), (0.0, 0.08), (0.52, 0.72))
    b.rect(0.0, 0.0, 1.0, 0.14, shade(stone, 1.2))
    b.rect(0.12, 0.14, 0.88, 0.88, stone)
    b.rect(0.0, 0.88, 1.0, 1.0, shade(stone, 0.8))
