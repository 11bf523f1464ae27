"""Plays the user's browser for a sign-in at the sandbox: `python browser.py URL`."""

import re
import sys
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar


class _Stay(urllib.request.HTTPRedirectHandler):
    """Stays where the sign-in leads back to the program, which may not listen."""

    def redirect_request(self, request, *rest):
        redirected = super().redirect_request(request, *rest)
        return None if "/auth/callback?" in redirected.full_url else redirected


def sign_in(url, *handlers, decision="continue"):
    """Opens the URL, agrees or refuses, and returns the URL that the browser is sent to."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stay, *handlers)
    with opener.open(url) as page:
        request = re.search(r'name="request" value="([^"]+)"', page.read().decode()).group(1)
        action = urllib.parse.urljoin(page.url, "/oauth/authorize/decision")
    form = urllib.parse.urlencode({"request": request, "decision": decision}).encode()
    try:
        opener.open(action, form)
    except urllib.request.HTTPError as redirect:
        with redirect:
            return redirect.headers["Location"]
    raise AssertionError("the sandbox did not redirect")


if __name__ == "__main__":
    cookies = urllib.request.HTTPCookieProcessor(CookieJar())
    callback = sign_in(sys.argv[1], cookies)
    plain = urllib.request.build_opener(urllib.request.ProxyHandler({}), cookies)
    plain.open(callback).close()
