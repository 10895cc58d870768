"""Take the picture in the README: `python -m tests.admin.screenshot URL FILE`, best under some load."""

import io
import sys

from PIL import Image

from tests.admin.browsing import chromium, opened

WINDOW = {"width": 1280, "height": 1840}
SEEN = 5000  # ms


def main():
    url, file = sys.argv[1:]
    with chromium() as browser, opened(browser, url, viewport=WINDOW) as page:
        page.locator("#requests li").first.wait_for()
        page.wait_for_timeout(SEEN)
        with Image.open(io.BytesIO(page.screenshot())) as image:
            # Flat colours: a palette takes half of the octets and nobody sees it.
            image.convert("RGB").quantize(method=Image.Quantize.FASTOCTREE).save(file, optimize=True)


if __name__ == "__main__":
    main()
