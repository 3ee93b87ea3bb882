: powers that the C compiler leaves to pow, and those of which it makes a product or a quotient
NEURON {
    SUFFIX powers
    RANGE square, reciprocal, cube
}
ASSIGNED { v square reciprocal cube }
BREAKPOINT { LOCAL x
    square = 0
    reciprocal = 0
    cube = 0
    FROM i = 1 TO 40 {
        x = v + 100 + i/40
        square = square + (x^2 - x*x)
        reciprocal = reciprocal + (pow(x, -1) - 1/x)
        cube = cube + (x^3 - x*x*x)
    }
}
