#!/bin/sh
# Changes that iamkit proposes; remedies.json says what each does, and who may be stopped by it.
#
#   sh remedies.sh                   what there is
#   sh remedies.sh do enforce-mfa    make the changes of one remedy; again: changes nothing more
#   sh remedies.sh undo enforce-mfa  take them back, as far as that is possible
#
# It needs the AWS CLI, python3, and credentials of the account that may make the changes.
set -eu
cd "$(dirname "$0")"
export AWS_PAGER=

fail() {
    echo "remedies.sh: $1" >&2
    exit 1
}

# A value that only a person knows: need NAME VALUE MEANING.
need() {
    case $2 in
    '') fail "set $1 at the top of its part of remedies.sh, or in the environment: $3. Nothing was changed" ;;
    *[!A-Za-z0-9_+=,.@:/'{}|'-]*) fail "$1 may have letters, digits and _+=,.@:/{}|- only. Nothing was changed" ;;
    esac
}

# A document with values in the places of their marks, in the folder filled: fill FILE NAME VALUE.
fill() {
    mkdir -p filled
    python3 -c 'import sys
file, *pairs = sys.argv[1:]
with open(file) as given:
    text = given.read()
for name, value in zip(pairs[::2], pairs[1::2]):
    text = text.replace("@" + name + "@", value)
with open("filled/" + file, "w") as made:
    made.write(text)' "$@"
}

# An operation of IAM. What was made, or is gone, already is done.
run() {
    run_in iam "$@"
}

# The same of another service: run_in SERVICE OPERATION OPTIONS.
run_in() {
    service=$1
    shift
    if said=$(aws "$service" "$@" 2>&1 >/dev/null); then
        echo "done: $*"
        return
    fi
    case $1:$said in
    create-*"(EntityAlreadyExists)"* | create-*"(ConflictException)"* | \
        delete-*"(NoSuchEntity)"* | delete-*"(ResourceNotFoundException)"* | \
        detach-*"(NoSuchEntity)"* | remove-*"(NoSuchEntity)"*) echo "done before: $*" ;;
    *) fail "$said" ;;
    esac
}

# A policy, and its document if it was there with another: create_policy NAME PATH FILE.
create_policy() {
    if aws iam get-policy --policy-arn "arn:$partition:iam::$account:policy$2$1" >/dev/null 2>&1; then
        new_version "arn:$partition:iam::$account:policy$2$1" "$3"
    else
        run create-policy --policy-name="$1" --path "$2" --policy-document "file://$3"
    fi
}

# The document of a version: document ARN VERSION.
document() {
    aws iam get-policy-version --policy-arn "$1" --version-id "$2" \
        --query PolicyVersion.Document --output json
}

# The version that is in force, and the others: in_force ARN, not_in_force ARN.
in_force() {
    aws iam get-policy --policy-arn "$1" --query Policy.DefaultVersionId --output text
}

not_in_force() {
    listed=$(aws iam list-policy-versions --policy-arn "$1" \
        --query "Versions[?!IsDefaultVersion].VersionId" --output text) || exit 1
    echo "$listed" | tr '\t' '\n' |
        sed -n 's/^v\([0-9]*\)$/\1/p' | sort -n | sed 's/^/v/'
}

# A new default version of a policy, unless the present one says the same: new_version ARN FILE, or
# new_version ARN FILE EXPECTED if the present one must say what EXPECTED says: else it was changed
# since the evidence, perhaps by another remedy, and that change would be lost.
new_version() {
    now=$(in_force "$1")
    if document "$1" "$now" | same_as "$2"; then
        echo "done before: $1 says what $2 says"
        return
    fi
    if [ "$#" -eq 3 ] && ! document "$1" "$now" | same_as "$3"; then
        fail "$1 has changed since the evidence; collect it and make the remedies again"
    fi
    # A policy has five versions at most: the oldest is kept as a file and makes room.
    versions=$(not_in_force "$1")
    if [ "$(echo "$versions" | wc -w)" -ge 4 ]; then
        oldest=$(echo "$versions" | head -n 1)
        kept=${2%.json}-$oldest-made-room.json
        document "$1" "$oldest" >"$kept"
        echo "$1 has five versions: $oldest, the oldest that is not in force, is deleted; $kept keeps it"
        run delete-policy-version --policy-arn "$1" --version-id "$oldest"
    fi
    run create-policy-version --policy-arn "$1" --policy-document "file://$2" --set-as-default
}

# Take a new version back: old_version ARN FILE BEFORE. The version that says what BEFORE says is in
# force again, and the one that says what FILE says is deleted, so that there is room. What was
# deleted to make room comes back with another number.
old_version() {
    now=$(in_force "$1")
    if document "$1" "$now" | same_as "$3"; then
        echo "done before: $1 says what $3 says"
    elif ! document "$1" "$now" | same_as "$2"; then
        fail "$1 has changed since the remedy was applied; undo it by hand, $3 has the old document"
    else
        found=
        versions=$(not_in_force "$1")
        for version in $versions; do
            if document "$1" "$version" | same_as "$3"; then found=$version; fi
        done
        if [ "$found" ]; then
            run set-default-policy-version --policy-arn "$1" --version-id "$found"
            run delete-policy-version --policy-arn "$1" --version-id "$now"
        else
            new_version "$1" "$3" "$2"
        fi
    fi
    for kept in "${2%.json}"-v*-made-room.json; do
        if [ -f "$kept" ]; then bring_back "$1" "$kept"; fi
    done
}

# A deleted version again, with a new number and not in force: bring_back ARN FILE.
bring_back() {
    versions=$(not_in_force "$1")
    for version in $versions; do
        if document "$1" "$version" | same_as "$2"; then
            echo "done before: $version of $1 says what $2 says"
            return
        fi
    done
    if [ "$(echo "$versions" | wc -w)" -ge 4 ]; then
        echo "not undone: $1 has five versions; $2 has the document of the deleted one"
    else
        run create-policy-version --policy-arn "$1" --policy-document "file://$2"
    fi
}

same_as() {
    python3 -c 'import json, sys
with open(sys.argv[1]) as file:
    sys.exit(json.load(sys.stdin) != json.load(file))' "$1"
}

# The id of the key that a user made at a time: key_id USER TIME. Empty if there is none any more.
key_id() {
    aws iam list-access-keys --user-name="$1" --output text \
        --query "AccessKeyMetadata[?starts_with(to_string(CreateDate), '$2')].AccessKeyId"
}

# Make a key active or inactive: set_key USER TIME STATUS.
set_key() {
    id=$(key_id "$1" "$2")
    case $id in
    '' | None) fail "$1 has no access key any more that was made at $2" ;;
    *[!A-Z0-9]*) fail "$1 has several access keys that were made at $2" ;;
    esac
    run update-access-key --user-name="$1" --access-key-id "$id" --status "$3"
}

delete_key() {
    id=$(key_id "$1" "$2")
    case $id in
    '' | None) echo "done before: $1 has no access key that was made at $2" ;;
    *) run delete-access-key --user-name="$1" --access-key-id "$id" ;;
    esac
}

