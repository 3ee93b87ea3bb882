"""Random morphology files: small, legal, and full of corner cases; and damage to real ones."""

import math
import random

Place = list[float]


def swc(r: random.Random) -> str:
    """One tree of up to 25 points with odd types, numbers with gaps, repeated places and jumps."""
    n = r.randint(1, r.choice([4, 8, 25]))
    pool = r.choice([[1, 3], [1, 1, 3, 4, 2], [1, 3, 0, 5, -2, 2, 4], [3, 4], [1, 2, 3, 4]])
    stay, chain = r.choice([0.5, 0.8, 0.95]), r.choice([0.4, 0.6, 0.85])
    many_digits = r.random() < 0.2
    ids, parents, types = [r.choice([0, 1, 1, 1, 5])], [-1], [r.choice([1, 1, 1, 3, 0, 2])]
    places: list[Place] = [[0.0, 0.0, 0.0]]
    radii = [r.choice([1, 0.5, 2, 8.119])]
    for i in range(1, n):
        p = i - 1 if r.random() < chain else r.choice([r.randrange(i), r.randrange(min(i, 4))])
        parents.append(p)
        ids.append(ids[-1] + r.choice([1, 1, 1, 1, 3]))
        types.append(types[p] if r.random() < stay else r.choice(pool))
        scale = r.random() * 100 if many_digits else r.choice([1, 1, 7.7])
        places.append([a + scale * r.choice([0, 0, 1, -1, 0.5, 2.3]) for a in places[p]])
        radii.append(radii[p] if r.random() < 0.4 else r.choice([0.1, 0.5, 1, 2, 1 / 3, 0.01 + r.random()]))
    if n >= 3 and r.random() < 0.15:
        _spherical_soma(r, types, parents, places, radii)
    form = "%.12g" if many_digits else "%.4g"
    lines = ["# a comment"]
    for i in range(n):
        numbers = " ".join(form % x for x in (*places[i], radii[i]))
        lines.append(f"{ids[i]} {types[i]} {numbers} {ids[parents[i]] if i else -1}")
    return "\n".join(lines) + "\n"


def _spherical_soma(
    r: random.Random, types: list[int], parents: list[int], places: list[Place], radii: list[float]
) -> None:
    """NeuroMorpho's three points, or something that is nearly that."""
    radius = radii[0]
    types[:3], parents[1:3], radii[1:3] = [1, 1, 1], [0, 0], [radius, radius]
    places[1] = [0.0, -radius * r.choice([1, 1, 1, 1.004, 1.2]), 0.0]
    places[2] = [0.0, radius, 0.0]
    for i in range(3, len(types)):
        if types[i] == 1 and r.random() < 0.9:
            types[i] = 3
        if parents[i] in (1, 2) and r.random() < 0.95:
            parents[i] = 0


def neurolucida(r: random.Random) -> str:
    """Somas as contours or stacks of them, trees, drawings, texts, markers, spines, sets, in any order."""
    return Neurolucida(r).text()


class Neurolucida:
    def __init__(self, r: random.Random) -> None:
        self.r = r

    def text(self) -> str:
        r, items, centres = self.r, [], []
        for _ in range(r.choice([0, 1, 1, 1, 1, 2, 3])):
            c = [r.choice([0, 0, 30, 3]) + r.random(), r.choice([0, 0, 30]) + r.random(), r.random() * 4]
            centres.append(c)
            name = r.choice(["CellBody", "Cell Body", "Soma", "CellBody", "Contour 1"])
            items.append(self.contour(name, c))
            if r.random() < 0.25:
                items += [
                    self.contour("CellBody", [*c[:2], c[2] + 2 * j]) for j in range(1, r.choice([2, 3]))
                ]
        for _ in range(r.choice([1, 1, 2, 3, 5])):
            items.append(self.tree(r.choice(centres) if centres and r.random() < 0.8 else [5.0, 20.0, 0.0]))
        extras = [
            f'((Color Red) {self.point([1, 2, 3], 1)} "a text")\n',
            f"(Dot (Color Red) {self.point([1, 2, 3], 1)})\n",
            f'(set "a" {self.contour("Soma", [50, 50, 0])})\n',
        ]
        items += [extra for extra in extras if r.random() < 0.2]
        if r.random() < 0.5:
            r.shuffle(items)
        head = '; a comment\n(ImageCoords Filename "C:\\x.tif" Merge 65535 1)\n(SSM2 1)\n'
        return r.choice([head, ""]) + "".join(items)

    def comma(self) -> str:
        return "," if self.r.random() < 0.1 else " "

    def point(self, place: Place, diam: float | None) -> str:
        r = self.r
        numbers = [r.choice(["%.2f", "%g", "%8.3f", "%.9g", "%+.2f"]) % x for x in place]
        text = "(" + self.comma().join(numbers)
        if diam is not None:
            text += (
                f"{self.comma()}{diam:g}" + r.choice(["", "", " S1"]) + r.choice([""] * 9 + [" (1,2 3, 4)"])
            )
        return text + ")" + r.choice([" ; 1, 2\n", "", " "])

    def property(self) -> str:
        choice = ["(Color Red)", "(Color RGB (10, 20, 3))", "(Closed)", '(A 0) (B "c d")', '(set "axons")']
        return self.r.choice(choice)

    def contour(self, name: str, centre: Place) -> str:
        r = self.r
        n, a, b, turn = r.choice([2, 3, 4, 5, 9, 20]), 1 + 5 * r.random(), 1 + 5 * r.random(), 6 * r.random()
        rough = r.choice([0.0, 0.5])
        text = f'("{name}" {self.property()}'
        for i in range(n):
            angle = 2 * math.pi * i / n
            u, v = a * math.cos(angle) * (1 + 0.2 * r.random()), b * math.sin(angle)
            x, y = u * math.cos(turn) - v * math.sin(turn), u * math.sin(turn) + v * math.cos(turn)
            place = [centre[0] + x, centre[1] + y, centre[2] + rough * r.random()]
            text += self.point(place, r.choice([None, 0.0, 0.1]))
        return text + ")\n"

    def tree(self, start: Place) -> str:
        r = self.r
        properties = [self.property() for _ in range(r.randint(0, 2))]
        properties.append(r.choice(["(Axon)", "(Dendrite)", "(Apical)", "(Dendrite)", "", "(Weird)"]))
        if r.random() < 0.1:
            properties.reverse()  # the last one decides
        return f"( {''.join(properties)}\n{self.branch(start, r.choice([0, 1, 3]))}) ;  end\n"

    def branch(self, start: Place, depth: int) -> str:
        r, text, place = self.r, "", list(start)
        for i in range(r.choice([1, 1, 2, 2, 3, 6])):
            if i > 0 or r.random() < 0.6:
                place = [a + r.choice([0, 0, 1, -1, 2.5]) * r.choice([1, r.random()]) for a in place]
            text += self.point(place, r.choice([0.2, 1, 2.5, r.random() + 0.01]))
            if r.random() < 0.05:
                text += f'< (Class 0 "a") {self.point(place, 0.3)}>'
            text += r.choice([","] + [""] * 9)
        if r.random() < 0.15:
            text += f"(Cross (Color Red) {self.point(place, None)}{self.point(place, 1)})"
        if depth > 0 and r.random() < 0.6:
            children = [self.branch(place, depth - 1) for _ in range(r.choice([1, 2, 2, 2, 3]))]
            return text + "\n(\n" + "\n|\n".join(children) + "\n)\n"
        return text + r.choice([" Normal", " Incomplete", "", " Generated\n"])


def damaged(r: random.Random, data: bytes) -> bytes:
    """A file after some accidents: flipped bits, cuts, lines lost, repeated or exchanged."""
    text = bytearray(data)
    for _ in range(r.choice([1, 1, 1, 2, 5, 50])):
        if not text:
            break
        i = r.randrange(len(text))
        match r.choice(["bit", "bit", "bit", "sign", "cut", "gap", "junk", "line", "line", "double", "swap"]):
            case "bit":
                text[i] ^= 1 << r.randrange(8)
            case "sign":
                text[i] = r.choice(b'()|<>"; \n-+.eE,0123456789#nN')
            case "cut":
                del text[i if r.random() < 0.3 else -1 - i // 10 :]
            case "gap":
                del text[i : i + r.choice([1, 1, 5, 100])]
            case "junk":
                text[i:i] = bytes(r.choice(b"0123456789()|") for _ in range(r.choice([1, 3, 400])))
            case change:
                text = bytearray(b"\n".join(_lines_changed(r, bytes(text).split(b"\n"), change)))
    return bytes(text)


def _lines_changed(r: random.Random, lines: list[bytes], change: str) -> list[bytes]:
    i, j = r.randrange(len(lines)), r.randrange(len(lines))
    if change == "line":
        del lines[i]
    elif change == "double":
        lines.insert(j, lines[i])
    else:
        lines[i], lines[j] = lines[j], lines[i]
    return lines
