"""A server of S3 on this machine that checks signatures, with one user and one empty bucket, "backups". Prints its port, and the user's
key and secret. Keeps everything in memory, and ends when its input does."""

import json
import logging
import sys
from urllib.parse import quote, unquote

import boto3
from moto import settings
from moto.iam import access_control
from moto.server import ThreadedMotoServer


class Request(access_control.S3IAMRequest):
    """S3 signs what a query means; moto what stands there, so that "a/b" and "a%2Fb" would differ."""

    def __init__(self, path, **rest):
        path, _, query = path.partition("?")
        parts = (part.partition("=") for part in query.split("&") if part)
        parts = [quote(unquote(name), safe="") + "=" + quote(unquote(value), safe="") for name, _, value in parts]
        super().__init__(path=path + ("?" + "&".join(parts) if parts else ""), **rest)


access_control.S3IAMRequest = Request

logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()


def client(service):
    return boto3.client(
        service,
        endpoint_url=f"http://{host}:{port}",
        region_name="us-east-1",
        aws_access_key_id="nobody",
        aws_secret_access_key="nothing",
    )


everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
iam = client("iam")
iam.create_user(UserName="midwatch")
iam.put_user_policy(UserName="midwatch", PolicyName="everything", PolicyDocument=json.dumps(everything))
key = iam.create_access_key(UserName="midwatch")["AccessKey"]
client("s3").create_bucket(Bucket="backups")
# From here on it wants to know who asks.
settings.INITIAL_NO_AUTH_ACTION_COUNT = 0

print(port, key["AccessKeyId"], key["SecretAccessKey"], flush=True)
sys.stdin.read()
server.stop()
