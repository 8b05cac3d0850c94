#!/bin/sh
# Checks the pinned packages for known vulnerabilities: `make audit`. If the data is not available, that is a failure too, with
# a message.
cd "$(dirname "$0")/.." || exit 1
pip_audit=${PIP_AUDIT:-.venv/audit/bin/pip-audit}
npm=${NPM:-npm}
said=$(mktemp)
trap 'rm -f "$said"' EXIT
result=0

ask() {
	what=$1
	shift
	if "$@" >"$said" 2>&1; then
		echo "$what: no known vulnerabilities"
		return
	fi
	result=1
	cat "$said"
	if grep -qiE 'could not be audited|could not connect|endpoint returned an error|connection|timed out|ENOTFOUND|not found' "$said"; then
		echo "$what: NOT AUDITED, because the data about them cannot be had from here. Try where the network reaches it."
	else
		echo "$what: VULNERABLE, see above. docs/operate/deployment.md says what to do."
	fi
}

for lock in requirements.lock deploy/requirements.lock deploy/build.lock requirements-node.lock deploy/audit.lock; do
	ask "Python packages of $lock" "$pip_audit" --strict --progress-spinner off --disable-pip --require-hashes --requirement "$lock"
done
for folder in web bench; do
	ask "npm packages of $folder" "$npm" audit --audit --ignore-scripts --prefix "$folder"
done
exit $result
