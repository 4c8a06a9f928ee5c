"""The elements: symbols, masses, outer electrons, and the valences that decide how many hydrogens are implied."""

_SYMBOLS = (
    "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb Sr Y Zr Nb "
    "Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au "
    "Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm"
)
SYMBOLS = tuple(_SYMBOLS.split())
NUMBERS = {symbol: 1 + k for k, symbol in enumerate(SYMBOLS)}
_MASSES = (
    "1.008 4.003 6.941 9.012 10.812 12.011 14.007 15.999 18.998 20.18 22.99 24.305 26.982 28.086 30.974 32.067 35.453 "
    "39.948 39.098 40.078 44.956 47.867 50.942 51.996 54.938 55.845 58.933 58.693 63.546 65.39 69.723 72.61 74.922 "
    "78.96 79.904 83.8 85.468 87.62 88.906 91.224 92.906 95.94 98 101.07 102.906 106.42 107.868 112.412 114.818 "
    "118.711 121.76 127.6 126.904 131.29 132.905 137.328 138.906 140.116 140.908 144.24 145 150.36 151.964 157.25 "
    "158.925 162.5 164.93 167.26 168.934 173.04 174.967 178.49 180.948 183.84 186.207 190.23 192.217 195.078 196.967 "
    "200.59 204.383 207.2 208.98 209 210 222 223 226 227 232.038 231.036 238.029 237 244 243 247 247 251 252 257"
)
MASSES = {symbol: float(mass) for symbol, mass in zip(SYMBOLS, _MASSES.split(), strict=True)}

# Without a bracket, an atom has as many hydrogens as it lacks bonds to the next of these numbers.
VALENCES = {"B": (3,), "C": (4,), "N": (3, 5), "O": (2,), "P": (3, 5), "S": (2, 4, 6), "F": (1,), "Cl": (1,)}
VALENCES |= {"Br": (1,), "I": (1,)}
AROMATIC = {"b": "B", "c": "C", "n": "N", "o": "O", "p": "P", "s": "S"}  # also in brackets: se, as
LOWEST_VALENCES = {symbol: valences[0] for symbol, valences in VALENCES.items()}
LOWEST_VALENCES |= {"H": 1, "Si": 4, "As": 3, "Se": 2}
_NOBLE_GASES = (86, 54, 36, 18, 10, 2, 0)


def outer_electrons(symbol: str) -> int:
    """Return the number of outer electrons of an element of a main group."""
    number = NUMBERS[symbol]
    core = next(gas for gas in _NOBLE_GASES if gas < number)
    count = number - core
    return count if count <= 2 or core < 18 else count - (10 if core < 54 else 24)
