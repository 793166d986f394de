"""Have S3 buckets with versioning, object lock, lifecycle, no public access, and a policy that denies the rest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

try:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    HAS_BOTO3 = True
except ImportError:
    HAS_BOTO3 = False

DOCUMENTATION = """
module: object_store_buckets
short_description: S3 buckets with versions, lock, lifecycle and policy
description:
  - Fetches what a bucket has, builds what it should have, and pushes only what differs.
  - Runs beside the store with the owner's key from a file there, so that the key is never an argument.
    (amazon.aws.s3_bucket takes the key as an argument, and with a module per aspect needs three times the runs.)
  - Each user gets exactly the actions granted here. Everything else is denied by name, because whoever writes an object
    would otherwise have the rights of its owner.
options:
  endpoint:
    description: URL of the store.
    type: str
    required: true
  region:
    description: Region to sign for.
    type: str
    required: true
  ca_file:
    description: Certificate of the authority of the store.
    type: path
    required: true
  credentials_file:
    description: File on the host with access_key and secret_key of the bucket's owner (JSON).
    type: path
    required: true
  buckets:
    description: The buckets that must be there. Others are left alone.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the bucket. It is always versioned.
        type: str
        required: true
      lock_days:
        description: Default retention in COMPLIANCE mode; 0 for no lock. Can't be turned on later.
        type: int
        default: 0
      noncurrent_days:
        description: Days after which versions that are not current are removed; 0 for never.
        type: int
        default: 0
      grants:
        description: Who may do what.
        type: list
        elements: dict
        required: true
        suboptions:
          user:
            description: Id of the user.
            type: str
            required: true
          actions:
            description: Actions that the user may take; an empty list denies the user everything.
            type: list
            elements: str
            required: true
  abort_multipart_days:
    description: Days after which unfinished uploads are aborted.
    type: int
    default: 2
  principal_prefix:
    description: What stands before a user's id in a policy.
    type: str
    default: "arn:aws:iam:::user/"
author: drillbook
"""

RETURN = """
changes:
  description: What was (or in check mode would be) made or set, per bucket.
  type: dict
  returned: always
"""

# Ceph 18 takes every policy with an Allow for a public one and every object written without an ACL for a published one, so
# the other three would refuse ours. This one is enough: whatever an ACL says, nobody is let in by it.
PUBLIC_ACCESS = {
    "BlockPublicAcls": False,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": False,
    "RestrictPublicBuckets": False,
}
# Every action that Ceph 18 knows. It ignores a Deny with NotAction, so what is not granted is listed.
ACTIONS = frozenset(
    f"s3:{name}"
    for name in """
    AbortMultipartUpload BypassGovernanceRetention CreateBucket DeleteBucket DeleteBucketPolicy
    DeleteBucketPublicAccessBlock DeleteBucketWebsite DeleteObject DeleteObjectTagging
    DeleteObjectVersion DeleteObjectVersionTagging DeleteReplicationConfiguration
    GetAccelerateConfiguration GetBucketAcl GetBucketCORS GetBucketEncryption GetBucketLocation
    GetBucketLogging GetBucketNotification GetBucketObjectLockConfiguration GetBucketPolicy
    GetBucketPolicyStatus GetBucketPublicAccessBlock GetBucketRequestPayment GetBucketTagging
    GetBucketVersioning GetBucketWebsite GetLifecycleConfiguration GetObject GetObjectAcl
    GetObjectLegalHold GetObjectRetention GetObjectTagging GetObjectTorrent GetObjectVersion
    GetObjectVersionAcl GetObjectVersionTagging GetObjectVersionTorrent GetReplicationConfiguration
    ListBucket ListBucketMultipartUploads ListBucketVersions ListMultipartUploadParts
    PutAccelerateConfiguration PutBucketAcl PutBucketCORS PutBucketEncryption PutBucketLogging
    PutBucketNotification PutBucketObjectLockConfiguration PutBucketPolicy
    PutBucketPublicAccessBlock PutBucketRequestPayment PutBucketTagging PutBucketVersioning
    PutBucketWebsite PutLifecycleConfiguration PutObject PutObjectAcl PutObjectLegalHold
    PutObjectRetention PutObjectTagging PutObjectVersionAcl PutObjectVersionTagging
    PutReplicationConfiguration RestoreObject
    """.split()  # noqa: SIM905 -- seventy lines of one word each would hide the rest of the module
)
BUCKET_OPTIONS: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "lock_days": {"type": "int", "default": 0},
    "noncurrent_days": {"type": "int", "default": 0},
    "grants": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "user": {"type": "str", "required": True},
            "actions": {"type": "list", "elements": "str", "required": True},
        },
    },
}
# Answers that say "nothing is set", not "it failed".
NOTHING_SET = {
    "NoSuchBucketPolicy",
    "NoSuchLifecycleConfiguration",
    "NoSuchPublicAccessBlockConfiguration",
    "ObjectLockConfigurationNotFoundError",
}


def policy(bucket: str, grants: list[dict[str, Any]], principal_prefix: str) -> dict[str, Any]:
    """Return the policy: per user one Allow of its actions, and one Deny of all others."""
    resources = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    statements: list[dict[str, Any]] = []
    for grant in grants:
        principal = {"AWS": [f"{principal_prefix}{grant['user']}"]}
        actions = sorted(grant["actions"])
        name = "".join(word.capitalize() for word in grant["user"].split("_"))
        common = {"Principal": principal, "Resource": resources}
        if actions:
            statements.append({"Sid": f"Allow{name}", "Effect": "Allow", "Action": actions, **common})
        others = sorted(ACTIONS.difference(actions))
        statements.append({"Sid": f"Deny{name}", "Effect": "Deny", "Action": others, **common})
    return {"Version": "2012-10-17", "Statement": statements}


def lifecycle(noncurrent_days: int, abort_multipart_days: int) -> list[dict[str, Any]]:
    """Return the rules; versions that are locked outlive them."""
    rules: list[dict[str, Any]] = [
        {
            "ID": "abort-unfinished-uploads",
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": abort_multipart_days},
        }
    ]
    if noncurrent_days:
        rules.append(
            {
                "ID": "remove-noncurrent-versions",
                "Status": "Enabled",
                "Filter": {"Prefix": ""},
                "NoncurrentVersionExpiration": {"NoncurrentDays": noncurrent_days},
                "Expiration": {"ExpiredObjectDeleteMarker": True},
            }
        )
    return rules


def lock(days: int) -> dict[str, Any]:
    """Return the object lock configuration: nobody, the owner included, removes a version before its time."""
    return {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": days}}}


class Bucket:
    """One bucket, fetched and pushed aspect by aspect."""

    def __init__(self, client: Any, wanted: dict[str, Any], *, check_mode: bool) -> None:
        self._client = client
        self._wanted = wanted
        self._check_mode = check_mode
        self._name = wanted["name"]
        self.changes: list[str] = []

    def ensure(self) -> None:
        """Make the bucket what the parameters say."""
        if not self._exists():
            self.changes.append("bucket")
            if self._check_mode:
                return
            self._client.create_bucket(Bucket=self._name, ObjectLockEnabledForBucket=self._wanted["lock_days"] > 0)
        if self._get("get_bucket_versioning", "Status") != "Enabled":
            self._push("versioning", "put_bucket_versioning", VersioningConfiguration={"Status": "Enabled"})
        if self._wanted["lock_days"] > 0:
            self._ensure_lock()
        if self._get("get_public_access_block", "PublicAccessBlockConfiguration") != PUBLIC_ACCESS:
            self._push("public access", "put_public_access_block", PublicAccessBlockConfiguration=PUBLIC_ACCESS)
        self._ensure_lifecycle()
        self._ensure_policy()

    def _ensure_lock(self) -> None:
        wanted = lock(self._wanted["lock_days"])
        if self._get("get_object_lock_configuration", "ObjectLockConfiguration") != wanted:
            self._push("lock", "put_object_lock_configuration", ObjectLockConfiguration=wanted)

    def _ensure_lifecycle(self) -> None:
        wanted = lifecycle(self._wanted["noncurrent_days"], self._wanted["abort_multipart_days"])
        present = self._get("get_bucket_lifecycle_configuration", "Rules") or []
        if _by_id(present) != _by_id(wanted):
            self._push("lifecycle", "put_bucket_lifecycle_configuration", LifecycleConfiguration={"Rules": wanted})

    def _ensure_policy(self) -> None:
        wanted = policy(self._name, self._wanted["grants"], self._wanted["principal_prefix"])
        present = self._get("get_bucket_policy", "Policy")
        if present is None or json.loads(present) != wanted:
            self._push("policy", "put_bucket_policy", Policy=json.dumps(wanted))

    def _exists(self) -> bool:
        try:
            self._client.head_bucket(Bucket=self._name)
        except ClientError as error:
            if error.response["Error"]["Code"] in {"404", "NoSuchBucket"}:
                return False
            raise
        return True

    def _get(self, operation: str, field: str) -> Any:
        try:
            return getattr(self._client, operation)(Bucket=self._name).get(field)
        except ClientError as error:
            if error.response["Error"]["Code"] in NOTHING_SET:
                return None
            raise

    def _push(self, aspect: str, operation: str, **arguments: Any) -> None:
        self.changes.append(aspect)
        if not self._check_mode:
            getattr(self._client, operation)(Bucket=self._name, **arguments)


def _by_id(rules: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the rules by name, without the two spellings of their prefix: stores answer with the older one."""
    return {
        rule["ID"]: {
            **rule,
            "Filter": {"Prefix": rule.get("Prefix", rule.get("Filter", {}).get("Prefix", ""))},
            "Prefix": None,
        }
        for rule in rules
    }


def _client(params: dict[str, Any]) -> Any:
    credentials = json.loads(Path(params["credentials_file"]).read_text())
    return boto3.client(
        "s3",
        endpoint_url=params["endpoint"],
        region_name=params["region"],
        verify=params["ca_file"],
        aws_access_key_id=credentials["access_key"],
        aws_secret_access_key=credentials["secret_key"],
        # The store is one of ours: no proxy of the host's environment stands before it.
        config=Config(s3={"addressing_style": "path"}, connect_timeout=10, read_timeout=60, proxies={}),
    )


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "endpoint": {"type": "str", "required": True},
            "region": {"type": "str", "required": True},
            "ca_file": {"type": "path", "required": True},
            "credentials_file": {"type": "path", "required": True},
            "buckets": {"type": "list", "elements": "dict", "required": True, "options": BUCKET_OPTIONS},
            "abort_multipart_days": {"type": "int", "default": 2},
            "principal_prefix": {"type": "str", "default": "arn:aws:iam:::user/"},
        },
        supports_check_mode=True,
    )
    if not HAS_BOTO3:
        module.fail_json(msg=missing_required_lib("boto3"))
    try:
        client = _client(module.params)
    except (OSError, ValueError, KeyError) as error:
        module.fail_json(msg=f"{module.params['credentials_file']} is no file with access_key and secret_key: {error}")
    changes: dict[str, list[str]] = {}
    for wanted in module.params["buckets"]:
        common = {name: module.params[name] for name in ("abort_multipart_days", "principal_prefix")}
        bucket = Bucket(client, wanted | common, check_mode=module.check_mode)
        try:
            bucket.ensure()
        except (BotoCoreError, ClientError) as error:
            module.fail_json(msg=f"The bucket {wanted['name']} could not be made as wanted: {error}")
        if bucket.changes:
            changes[wanted["name"]] = bucket.changes
    module.exit_json(changed=bool(changes), changes=changes)


if __name__ == "__main__":
    main()
