/** How to walk a stored image as it is to be seen: pixel (x, y) lies at origin + x × stepX + y × stepY, counted in pixels. */
export type OrientedView = { width: number; height: number; origin: number; stepX: number; stepY: number }

/** The view that an EXIF orientation (1 to 8, else taken as 1) asks for. Exif 2.32, tag 0x0112. */
export function orientedView({ width, height }: { width: number; height: number }, orientation: number): OrientedView {
  const lastColumn = width - 1
  const lastRow = (height - 1) * width
  const upright = { width, height }
  const turned = { width: height, height: width }
  switch (orientation) {
    case 2:
      return { ...upright, origin: lastColumn, stepX: -1, stepY: width }
    case 3:
      return { ...upright, origin: lastRow + lastColumn, stepX: -1, stepY: -width }
    case 4:
      return { ...upright, origin: lastRow, stepX: 1, stepY: -width }
    case 5:
      return { ...turned, origin: 0, stepX: width, stepY: 1 }
    case 6:
      return { ...turned, origin: lastRow, stepX: -width, stepY: 1 }
    case 7:
      return { ...turned, origin: lastRow + lastColumn, stepX: -width, stepY: -1 }
    case 8:
      return { ...turned, origin: lastColumn, stepX: width, stepY: -1 }
    default:
      return { ...upright, origin: 0, stepX: 1, stepY: width }
  }
}
